// Direct convolutions of bf16 by tiles (direct.h) where the processor has AMX.
#pragma once
#include "direct.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether zeros around its pixels are all that is wanted.
bool tiles_possible(const Conv2dShape& g);
Run direct_by_tiles(const Instruction& i, const Direct& c);

}  // namespace EASEL_ISA
}  // namespace easel
