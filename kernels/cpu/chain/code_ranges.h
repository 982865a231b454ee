// The codes of numbers by one look-up and one addition each.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../../executor/shapes/chain.h"

namespace easel {
inline namespace EASEL_ISA {

// The code of x is how many of the points halfway between neighbours of the map are below it.
struct Midpoints {
  float at[CHAIN_CODES];
  explicit Midpoints(const float* map) {
    for (int k = 0; k + 1 < CHAIN_CODES; ++k) at[k] = (map[k] + map[k + 1]) / 2;
    at[CHAIN_CODES - 1] = INFINITY;
  }
  int32_t count(float x) const { return int32_t(std::lower_bound(at, at + CHAIN_CODES - 1, x) - at); }
};

// Of each range of 2^16 neighbouring floats, in which at most one midpoint lies, an entry: in its upper half
// the code of the smallest, in its lower one what reaches 2^16 with the lower half of a float above the
// midpoint. Below 0 codes fall as magnitudes rise, so the lower halves of floats are mirrored there. Of 256
// KiB those few come into the cache whose powers of two occur.
class CodeRanges {
 public:
  explicit CodeRanges(const Midpoints& middle);
  // Whether 16 entries are gathered sooner than codes are found by tables of bytes: Sapphire Rapids takes 8.5
  // cycles where bytes take 12 to 14. Intel's processors before it are slowed down by what mends their
  // gathers, a Zen 4 takes twice as long as for bytes.
  static bool serve();
  void find(uint8_t* codes, const float* lanes, float factor, int64_t n) const;

 private:
  std::vector<uint32_t> entries_;
};

}  // namespace EASEL_ISA
}  // namespace easel
