// Blocks of 8-bit numbers, each a place in a map of 256 numbers that ascend, times the block's largest: what
// chains read and write of them. Bound by looking up numbers, not by memory.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "byte_tables.h"
#include "code_ranges.h"

namespace easel {
inline namespace EASEL_ISA {

// One map's numbers.
class EightBits {
 public:
  // Shared by all that have a map of the same numbers.
  static std::shared_ptr<const EightBits> of(const float* map);
  explicit EightBits(const float* map);
  // n numbers of one block.
  void read(float* y, const uint8_t* codes, float scale, int64_t n) const;
  // The codes of n numbers whose largest magnitude is `most`, or of one number n times where lanes is null.
  void write(uint8_t* codes, float most, const float* lanes, float one, int64_t n) const;
  // The largest of n numbers without their signs; of NaN nothing is known.
  static float largest(const float* lanes, int64_t n);

 private:
  struct Nearest;
  std::array<float, 256> map_;
  std::shared_ptr<const ByteTables> bytes_;   // where the processor has a way with them
  std::shared_ptr<const CodeRanges> ranges_;  // where it finds codes sooner
  std::shared_ptr<const Nearest> nearest_;
};

}  // namespace EASEL_ISA
}  // namespace easel
