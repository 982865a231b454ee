// Division of a 31-bit number by a divisor that the host knows: one multiplication and a shift in place of
// the twenty instructions of a division (Granlund and Montgomery, 1994). Convolutions turn pixel and tap
// numbers into coordinates with it.
#pragma once
#include <cstdint>

#include "../pointwise.h"

namespace easel {

struct FastDiv {
  int32_t divisor = 1;
  uint32_t multiplier = 1, shift = 0;

  FastDiv() = default;
  explicit FastDiv(int64_t d) : divisor(int32_t(d)) {  // 1 <= d < 2^31
    while ((int64_t(1) << shift) < d) ++shift;
    multiplier = uint32_t((((uint64_t(1) << shift) - uint64_t(d)) << 32) / uint64_t(d)) + 1;
  }
  EASEL_FN int divide(int n) const {  // 0 <= n
    const uint32_t high = uint32_t(uint64_t(uint32_t(n)) * multiplier >> 32);
    return int((high + uint32_t(n)) >> shift);
  }
};

}  // namespace easel
