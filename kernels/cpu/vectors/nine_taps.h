// Numbers of 16 channels at each of 3 by 3 taps, one vector a tap, as weights (O, I, 3, 3) lie: a channel's
// nine taps one behind the other, in nine vectors; and back.
#pragma once
#include "vectors.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace nine_taps {

using vectors::EachLane;
using vectors::IntVec;
using vectors::kLanes;
using vectors::Vec;

// Units of U lanes of a and b side by side, of their lower or higher halves.
template <int U, bool High, int... L>
inline Vec side_by_side(Vec a, Vec b, std::integer_sequence<int, L...>) {
  constexpr int kFrom = High ? kLanes / 2 : 0;
  return __builtin_shuffle(a, b, IntVec{(kFrom + L / (2 * U) * U + L % U + L / U % 2 * kLanes)...});
}
template <int U>
inline Vec side_by_side(Vec a, Vec b, bool high) {
  return high ? side_by_side<U, true>(a, b, EachLane()) : side_by_side<U, false>(a, b, EachLane());
}

// Lanes [16 k, 16 k + 16) of 9 numbers of each channel: the first 8 of channels 2 j and 2 j + 1 lie in
// eights[j], the last ones in ninths.
template <int K, int... L>
inline Vec nines(const Vec* eights, Vec ninths, std::integer_sequence<int, L...>) {
  constexpr int kFirst = 16 * K / 9 / 2, kSecond = (16 * K + 15) / 9 / 2;
  const Vec both = __builtin_shuffle(
      eights[kFirst], eights[kSecond],
      IntVec{((16 * K + L) / 9 % 2 * 8 + (16 * K + L) % 9 % 8 + ((16 * K + L) / 18 - kFirst) * kLanes)...});
  return __builtin_shuffle(both, ninths, IntVec{((16 * K + L) % 9 == 8 ? kLanes + (16 * K + L) / 9 : L)...});
}
template <int... K>
inline void lay_nines(const Vec* eights, Vec ninths, Vec (&y)[9], std::integer_sequence<int, K...>) {
  ((y[K] = nines<K>(eights, ninths, EachLane())), ...);
}

inline void lay(const Vec (&taps)[9], Vec (&y)[9]) {
  Vec twos[8], fours[8], eights[8];
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) twos[k] = side_by_side<1>(taps[k / 2 * 2], taps[k / 2 * 2 + 1], k % 2);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k)
    fours[k] = side_by_side<2>(twos[k / 4 * 4 + k % 4 / 2], twos[k / 4 * 4 + 2 + k % 4 / 2], k % 2);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) eights[k] = side_by_side<4>(fours[k / 2], fours[4 + k / 2], k % 2);
  lay_nines(eights, taps[8], y, std::make_integer_sequence<int, 9>());
}

// Units of U lanes of low and high together: every second one from the first on, or from the second.
template <int U, int Odd, int... L>
inline Vec every_second(Vec low, Vec high, std::integer_sequence<int, L...>) {
  return __builtin_shuffle(low, high, IntVec{((2 * (L / U) + Odd) * U + L % U)...});
}
template <int U>
inline void part(Vec& a, Vec& b, Vec low, Vec high) {
  a = every_second<U, 0>(low, high, EachLane());
  b = every_second<U, 1>(low, high, EachLane());
}

// The first 8 numbers of channels 2 J and 2 J + 1, which lie in two neighbouring vectors.
template <int J, int... L>
inline Vec eights_of(const Vec* y, std::integer_sequence<int, L...>) {
  return __builtin_shuffle(y[J], y[J + 1], IntVec{(2 * J + L / 8 * 9 + L % 8)...});
}
// To the last numbers of all channels, those in vector K.
template <int K, int... L>
inline void add_ninths(Vec& ninths, Vec y, std::integer_sequence<int, L...>) {
  ninths = __builtin_shuffle(ninths, y, IntVec{((9 * L + 8) / 16 == K ? kLanes + (9 * L + 8) % 16 : L)...});
}
template <int... J, int... K>
inline void part_nines(const Vec* y, Vec (&eights)[8], Vec& ninths, std::integer_sequence<int, J...>,
                       std::integer_sequence<int, K...>) {
  ((eights[J] = eights_of<J>(y, EachLane())), ...);
  ninths = y[0];
  (add_ninths<K>(ninths, y[K], EachLane()), ...);
}

inline void take(const Vec (&y)[9], Vec (&taps)[9]) {
  Vec eights[8], fours[8], twos[8];
  part_nines(y, eights, taps[8], std::make_integer_sequence<int, 8>(), std::make_integer_sequence<int, 9>());
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) part<4>(fours[k], fours[4 + k], eights[2 * k], eights[2 * k + 1]);
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int at = k / 2 * 4 + k % 2;
    part<2>(twos[at], twos[at + 2], fours[2 * k], fours[2 * k + 1]);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) part<1>(taps[2 * k], taps[2 * k + 1], twos[2 * k], twos[2 * k + 1]);
}

}  // namespace nine_taps
}  // namespace EASEL_ISA
}  // namespace easel
#endif
