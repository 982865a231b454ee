// Weight gradients of convolutions of bf16: products over pixels for each tap, two pixels of a row a word.
#pragma once
#include "../../../executor/shapes/product/conv2d.h"
#include "../../kernel.h"

namespace easel {
inline namespace EASEL_ISA {

// From dy (N, height, width, O) and x (N, H, W, I) to dw (O, I, KH, KW) of bf16, or added to dw of float32,
// to 0 where that is fresh. Null where oneDNN is to do it: other types, processors that do not multiply bf16.
Run conv2d_weight(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                  const Tensor& dw, bool fresh);

// The same by the tiles of AMX, which must serve.
Run conv2d_weight_by_tiles(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                           const Tensor& dw, bool fresh);

}  // namespace EASEL_ISA
}  // namespace easel
