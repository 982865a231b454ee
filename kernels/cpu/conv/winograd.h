// 3x3 convolutions with stride 1 by Winograd's F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308): four outputs
// of 16 multiplications in place of 36, in f32; operands of 16 bits are widened as they are read.
#pragma once
#include "float_operands.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether it takes less time than the direct convolution.
bool winograd_pays(const Conv2dShape& g);
Run winograd(const Instruction& i, const FloatOperands& c);

}  // namespace EASEL_ISA
}  // namespace easel
