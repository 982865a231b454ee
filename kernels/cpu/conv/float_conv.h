// Convolutions in float32 as products of pixels that are gathered where they are multiplied (float_blocks.h);
// operands of 16 bits are widened as they are read.
#pragma once
#include "../../executor/shapes/product/conv2d.h"
#include "../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

struct FloatConv {
  Conv2dShape g;
  dnnl::memory::desc layout;  // of w, in any blocks: (O, I, KH, KW)
  bool reversed;              // w is (I, O, KH, KW), and both kernel axes are reversed: an input gradient
  char *w, *x, *y;            // all of one type
  char *bias = nullptr, *residual = nullptr;  // residual may lie where y does
};

// Whether sums are long enough: oneDNN makes one chain of each, with four times the error of parts of 288
// at 5,000 places, and some of its loops cut it by the number of threads.
bool float_conv_pays(const Conv2dShape& g);
Run float_conv(const Instruction& i, const FloatConv& c);

}  // namespace EASEL_ISA
}  // namespace easel
