// Square roots by products and sums, the same to the last bit as the processor's: Intel's has one divider,
// slow at vectors, and the division that waits behind a root has it to itself. AdamW8bit's formula takes 12.5
// cycles a vector of 16 from the caches in place of 21 (Sapphire Rapids).
#pragma once
#include "vector_code.h"

namespace easel {

struct RootCode {
  // From here up to infinity what is found is the nearest number: root_test.ts tries all of them. What is
  // smaller leaves no remainder to correct by.
  static constexpr float least = 0x1p-100f;
  Place half, smallest, infinite;  // 1/2, `least` and infinity, spread

  // to = sqrt(x); g, h and r are registers of its own. `to` may be x or g.
  void write(VectorCode& code, int to, int x, int g, int h, int r) const {
    code.inverse_root(h, {.reg = x});
    code.arithmetic(VMUL, g, x, {.reg = h});  // g near sqrt(x), h near 1 / (2 sqrt(x))
    code.arithmetic(VMUL, h, h, half);
    code.load(r, half);
    code.multiply_add(VFNMADD231, r, g, {.reg = h});
    code.multiply_add(VFMADD231, g, g, {.reg = r});
    code.multiply_add(VFMADD231, h, h, {.reg = r});
    code.load(r, {.reg = x});
    code.multiply_add(VFNMADD231, r, g, {.reg = g});  // x - g^2, exactly
    code.multiply_add(VFMADD231, g, r, {.reg = h});
    code.compare(AT_LEAST_ORDERED, 0, x, smallest);
    code.compare_also(LESS_ORDERED, x, infinite);
    const size_t others = code.skip_if_all();
    code.root(g, {.reg = x});
    code.land(others);
    code.load(to, {.reg = g});
  }
};

}  // namespace easel
