// Matrix products of bf16 by tiles of our own (product_tiles.h, amx_tiles.h).
#pragma once
#include "../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

// The product with its second one and all that is added, rounded once. Null where oneDNN is to do it: other
// types, processors that do not multiply bf16, and without AMX what has few rows or short sums.
Run bf16_product(const Instruction& i, const Product& p);

}  // namespace EASEL_ISA
}  // namespace easel
