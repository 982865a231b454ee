// Blocks of 8-bit numbers by tables of bytes, 64 lanes at a time: AVX-512 VBMI looks up 64 bytes of a table
// of 128 with one instruction.
#pragma once
#include <cstdint>
#include <memory>

namespace easel {
inline namespace EASEL_ISA {

class ByteTables {
 public:
  static constexpr int64_t kSpan = 64;  // lanes at a time: `n` below is a multiple of it
  // Null where the processor has no such instruction, or the map is none that find() knows.
  static std::shared_ptr<const ByteTables> of(const float* map);

  // y = map[code] * scale.
  void read(float* y, const uint8_t* codes, float scale, int64_t n) const;
  // The codes of lanes * factor, which lie in [-1, 1].
  void find(uint8_t* codes, const float* lanes, float factor, int64_t n) const;

 private:
  // Magnitudes from 2^(least_ - 127) up to 2 by their first bits: 2^(7 - shift) bins in each power of two, in
  // each of which at most one limit lies.
  static constexpr int kBins = 512, kPowers = 32;
  alignas(64) uint8_t numbers_[4][256];  // the map, byte by byte
  // of the points halfway between magnitudes, where there are signs twice the bits, so too
  alignas(64) uint8_t limits_[4][256];
  alignas(64) uint8_t below_[kBins];  // how many limits are below a bin; the next one is the bin's own
  alignas(64) uint16_t shift_[kPowers], base_[kPowers];
  int least_ = 0, zero_ = 0, count_ = 0;

  bool fill(const float* map);
  bool fill_power(const float* limits, int power, int& bins);
  template <bool kSigns, int kSpans>
  void search(uint8_t* codes, const float* lanes, float factor) const;
  template <bool kSigns>
  void find_all(uint8_t* codes, const float* lanes, float factor, int64_t n) const;
};

}  // namespace EASEL_ISA
}  // namespace easel
