// Our kernels for Hopper (compute capability 9.0): other ways for large products, convolutions and attention
// in 16 bits, used only where EASEL_CUDA_HOPPER asks for them: they have not run on a card yet.
#pragma once
#include "../vendor/vendor.h"

namespace easel {

// Puts the way for Hopper in the place of `own` where there is one that was faster in a trial, or wherever
// there is one (EASEL_CUDA_HOPPER=always); part_bytes as in vendor_product.
void hopper_product(const Instruction& i, const ProductPlan& plan, OwnProduct& own, size_t& part_bytes);
void hopper_convolution(const Instruction& i, DnnConvolution::Way way, const Conv2dShape& shape,
                        int32_t dtype, const Places& at, OwnWay& own, size_t& part_bytes);
void hopper_attention(const Instruction& i, const AttentionPlan& plan, const Places& at, OwnWay& own);
void hopper_attention_backward(const Instruction& i, const AttentionPlan& plan, const Places& at, OwnWay& own,
                               size_t& own_scratch);

}  // namespace easel
