// What attention's products need of vectors: half ones, rows for columns, and pairs of bf16.
//
// Beside vdpbf16ps and vfmadd a Zen 4 has sums, maxima, shifts, most shuffles, vreduceps and vscalefps for
// nothing, in pipes of their own. Multiplications cost as much as one, a store of 64 bytes one and a half, a
// conversion to bf16 three; so scores stay in registers, and bf16 is rounded by whole numbers.
#pragma once
#include "vectors.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

using namespace vectors;

constexpr int kRegisters = kLanes == 16 ? 32 : 16;
constexpr bool kWide = kLanes == 16;  // half vectors pay, and bf16 may be multiplied
constexpr int kPanel = 2 * kLanes;    // queries side by side
constexpr int kUnit = kWide ? 8 : kLanes;

typedef float HalfVec __attribute__((vector_size(4 * kUnit)));
using EachUnit = std::make_integer_sequence<int, kUnit>;

template <int... L>
inline HalfVec first_lanes(Vec x, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(x, x, L...);
}
template <int... L>
inline IntVec lane_numbers(std::integer_sequence<int, L...>) {
  return IntVec{L...};
}

// Rows for columns.
template <int S, bool High, int... L>
inline IntVec picks(std::integer_sequence<int, L...>) {
  return IntVec{(L & S ? kLanes + L - (High ? 0 : S) : L + (High ? S : 0))...};
}
template <int S = 1>
inline void transpose(Vec (&x)[kLanes]) {
#pragma GCC unroll 16
  for (int k = 0; k < kLanes; ++k) {
    if (k & S) continue;
    const Vec a = x[k], b = x[k + S];
    x[k] = __builtin_shuffle(a, b, picks<S, false>(EachLane()));
    x[k + S] = __builtin_shuffle(a, b, picks<S, true>(EachLane()));
  }
  if constexpr (2 * S < kLanes) transpose<2 * S>(x);
}

// Whether any lane of a is above that of b.
inline bool any_above(Vec a, Vec b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0;
#else
  const IntVec above = a > b;
  int32_t any = 0;
  for (int l = 0; l < kLanes; ++l) any |= above[l];
  return any != 0;
#endif
}

// Half a bf16's last place more, so that the first 16 bits are the bf16 next to x; and pairs of such.
typedef uint16_t Narrow __attribute__((vector_size(4 * kLanes)));
inline Vec and_half(Vec x) { return (Vec)((IntVec)x + 0x8000); }
Narrow pairs_of(Vec even, Vec odd);
// Numbers as bf16, to nearest even; and those of two rows, a pair a word, from one on.
Narrow narrowed(Vec low, Vec high);

#if defined(__AVX512F__)
inline Narrow pairs_of(Vec even, Vec odd) {
  return Narrow(_mm512_mask_blend_epi16(0xaaaaaaaau, (__m512i)((Bits)even >> 16), (__m512i)odd));
}
inline Narrow narrowed(Vec low, Vec high) {
  Narrow y;
  asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(y) : "v"(high), "v"(low));
  return y;
}
template <int From, int... L>
inline Narrow interleaved(Narrow a, Narrow b, std::integer_sequence<int, L...>) {
  return __builtin_shuffle(a, b, Narrow{uint16_t(From + L / 2 + L % 2 * 2 * kLanes)...});
}
// The lower half's numbers beside the upper one's.
template <int... L>
inline Narrow halves_paired(Narrow x, std::integer_sequence<int, L...>) {
  return __builtin_shuffle(x, Narrow{uint16_t(L / 2 + L % 2 * kLanes)...});
}
#endif

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
