// Direct convolutions of bf16 with stride 1, by tiles also the input gradients of others, where the processor
// multiplies pairs of it (AVX-512's vdpbf16ps): pairs of input channels lie side by side in channels-last
// pictures, so products read pixels where they are.
#pragma once
#include "../../../executor/shapes/product/conv2d.h"
#include "../../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

struct Direct {
  Conv2dShape g;
  bool reversed;  // w is (I, O, KH, KW), and both kernel axes are reversed: an input gradient; its pixels lie
                  // g.stride apart, with zeros between
  bool plain;     // w lies as in files, else as in direct_weights()
  bool wide;      // and is of float32, rounded as it is packed
  Place w;
  char *x, *y;
  char *bias = nullptr, *residual = nullptr;  // residual may lie where y does
};

// Whether this processor, and this level, has it, and the channels fill its blocks.
bool direct_possible(const Conv2dShape& g, bool reversed);
// Whether it and products of bf16 take weights in float32 and round them: what the device tells of itself.
bool rounds_weights();
// How it wants (O, I, KH, KW); forward convolutions and input gradients read the same.
dnnl::memory::desc direct_weights(int64_t O, int64_t I, int64_t KH, int64_t KW);
Run direct(const Instruction& i, const Direct& c);

}  // namespace EASEL_ISA
}  // namespace easel
