// 3x3 convolutions with stride 1 by Winograd's F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308): four outputs
// of 16 multiplications in place of 36, in f32.
#pragma once
#include <optional>

#include "../executor/shapes/conv2d.h"
#include "onednn.h"

namespace easel {
inline namespace EASEL_ISA {

struct Winograd {
  Conv2dShape g;
  dnnl::memory::desc layout;  // of w, in any blocks: (O, I, 3, 3)
  bool reversed;              // w is (I, O, 3, 3), and both kernel axes are reversed: an input gradient
  Place x, w, y;
  std::optional<Place> bias, residual;  // residual may lie where y does
};

// Whether it takes less time than the direct convolution.
bool winograd_pays(const Conv2dShape& g);
Run winograd(const Instruction& i, const Winograd& c);

}  // namespace EASEL_ISA
}  // namespace easel
