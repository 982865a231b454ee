// Blocks of 8-bit numbers, each a place in a map of 256 numbers that ascend, times the block's largest: what
// chains read and write of them. Bound by looking up numbers, not by memory.
#pragma once
#include <cstdint>
#include <memory>

namespace easel {
inline namespace EASEL_ISA {

// n numbers of one block.
void dequantize_run(float* y, const uint8_t* codes, float scale, const float* map, int64_t n);

// What finds the nearest number of a map.
class Nearest {
 public:
  explicit Nearest(const float* map);
  // The codes of n numbers, or of one number n times where lanes is null, and the largest.
  void quantize_run(uint8_t* codes, float* scale, const float* lanes, float one, int64_t n) const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace EASEL_ISA
}  // namespace easel
