// Attention's weights of scores, as bf16 beside tiles of AMX.
#pragma once
#include <cmath>

#include "../vectors/functions.h"
#include "attention_layouts.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

// Numbers up to 65535 of two vectors; of each four lanes those of a, then those of b.
inline Narrow packed(IntVec a, IntVec b) { return Narrow(_mm512_packus_epi32((__m512i)a, (__m512i)b)); }

// Weights 2^(x * scale - shift) as bf16 of two vectors of scores, in floats: whatever x is.
class Exact {
 public:
  explicit Exact(float scale) : scale_(spread(scale)) {}
  static float offset(float shift) { return -shift; }
  static float shift(float offset) { return -offset; }
  Narrow operator()(Vec x, Vec y, Vec offset) const {
    return packed(half_of(x * scale_ + offset), half_of(y * scale_ + offset));
  }

 private:
  static IntVec half_of(Vec x) { return IntVec((Bits)and_half(exp2_of<bf16>(x)) >> 16); }
  Vec scale_;
};

// The same for exponents of less than 2^22, by whole numbers: 256 times the exponent has the bits of a bf16,
// and one more, of a line from each power of two to the next. How far 2^x is below that line a table says
// (AVX-512 VBMI, which every processor with AMX has). Errors are 3e-3 at most, before a weight is rounded,
// which is 4e-3. While tiles multiply they leave the vectors one float operation a cycle, and two of whole
// numbers: here are four of the former for two vectors, there twelve.
class Quick {
 public:
  static constexpr float kSteps = 256, kZero = 127 * kSteps - 22.5f;
  static bool serves(float most) { return std::abs(most) < float(1 << 20); }
  explicit Quick(float scale) : scale_(spread(scale * kSteps)) {
    static const Table table;
    memcpy(&low_, table.below, sizeof low_);
    memcpy(&high_, table.below + sizeof low_, sizeof high_);
  }
  static float offset(float shift) { return kZero - kSteps * shift; }
  static float shift(float offset) { return (kZero - offset) / kSteps; }
  // Numbers too small become 0, and too large ones infinity or NaN.
  Narrow operator()(Vec x, Vec y, Vec offset) const {
    const Narrow line = packed(whole(x * scale_ + offset), whole(y * scale_ + offset));
    Narrow below = line >> 1;
    asm("vpermi2b %3, %2, %0 %{%1%}%{z%}" : "+v"(below) : "Yk"(0x5555555555555555ull), "v"(low_), "v"(high_));
    return Narrow(_mm512_adds_epu16((__m512i)line, (__m512i)below)) >> 1;
  }

 private:
  // All are 22 too large and half a step is no step, as kZero is too small.
  struct Table {
    uint8_t below[128];
    Table() {
      for (int k = 0; k < 128; ++k) {
        const double x = ((k + 11) % 128 + 0.25) / 128;
        below[k] = uint8_t(std::lround(256 * (std::exp2(x) - 1 - x)) + 22 + 1);
      }
    }
  };
  static IntVec whole(Vec x) { return IntVec(_mm512_maskz_cvtps_epi32(0xffff, (__m512)x)); }
  Vec scale_;
  Narrow low_, high_;
};

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
