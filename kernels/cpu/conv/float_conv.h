// Convolutions in float32 as products of pixels that are gathered where they are multiplied (float_blocks.h);
// operands of 16 bits are widened as they are read.
#pragma once
#include "float_operands.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether sums are long enough: oneDNN makes one chain of each, with three times the error of parts of 288 at
// 2,880 places and six times at 11,520, and some of its loops cut it by the number of threads.
bool float_conv_pays(const Conv2dShape& g);
Run float_conv(const Instruction& i, const FloatOperands& c);

}  // namespace EASEL_ISA
}  // namespace easel
