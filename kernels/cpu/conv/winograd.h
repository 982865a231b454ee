// 3x3 convolutions with stride 1 by Winograd's F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308): four outputs
// of 16 multiplications in place of 36, in f32; operands of 16 bits are widened as they are read.
#pragma once
#include "../../executor/shapes/product/conv2d.h"
#include "../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

struct Winograd {
  Conv2dShape g;
  dnnl::memory::desc layout;  // of w, in any blocks: (O, I, 3, 3)
  bool reversed;              // w is (I, O, 3, 3), and both kernel axes are reversed: an input gradient
  char *w, *x, *y;            // all of one type
  char *bias = nullptr, *residual = nullptr;  // residual may lie where y does
};

// Whether it takes less time than the direct convolution.
bool winograd_pays(const Conv2dShape& g);
Run winograd(const Instruction& i, const Winograd& c);

}  // namespace EASEL_ISA
}  // namespace easel
