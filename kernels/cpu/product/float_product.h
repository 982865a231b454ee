// Matrix products in float32 by tiles of our own (float_tiles.h), of operands of 16 or 32 bits.
#pragma once
#include "../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether it is to do it: all but bf16 that the processor multiplies.
bool float_product_pays(const Product& p);
// The product with its second one and all that is added, rounded once.
Run float_product(const Instruction& i, const Product& p);

}  // namespace EASEL_ISA
}  // namespace easel
