// Vectors by twos and fours: rows of bf16 fill a whole register then, which halves the instructions that
// widen and round them. Rounding 16 floats takes as long as rounding 32, two cycles on a Sapphire Rapids.
#pragma once
#include "vectors.h"

namespace easel {
inline namespace EASEL_ISA {
namespace vectors {

// A function that each_block's is part of: all it calls is inlined, or constants would be fetched anew each
// time.
#define EASEL_FLAT __attribute__((flatten))

// f(first, count, part) for all of n numbers, V vectors at a time as long as there are so many, then one by
// one.
template <int V, typename F>
inline __attribute__((always_inline)) void each_block(int64_t n, const F& f) {
  int64_t k = 0;
  for (; k + V * kLanes <= n; k += V * kLanes) f(k, std::integral_constant<int, V>(), Whole());
  each_vector(n - k, [&](int64_t j, auto part) { f(k + j, std::integral_constant<int, 1>(), part); });
}

#if defined(__AVX512BW__)
// Words `first` and on of 32, each in the upper half of a lane.
inline Vec widened(__m512i words, int first) {
  const __m512i each = _mm512_add_epi32(
      _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(first));
  return (Vec)_mm512_maskz_permutexvar_epi16(0xaaaaaaaau, _mm512_slli_epi32(each, 16), words);
}
#endif

template <typename L, int V, typename P>
inline __attribute__((always_inline)) void read(Vec (&x)[V], const typename L::type* p, P part) {
  static_assert(V == 1 || V % 2 == 0);
  if constexpr (V == 1) {
    x[0] = read<L>(p, part);
    return;
  }
#if defined(__AVX512BW__)
  if constexpr (V > 1 && std::is_base_of_v<Brains, L>) {
    for (int v = 0; v < V; v += 2) {
      const __m512i words = _mm512_loadu_si512(p + v * kLanes);
      x[v] = widened(words, 0);
      x[v + 1] = widened(words, kLanes);
    }
    return;
  }
#endif
  for (int v = 0; v < V; ++v) x[v] = L::read(p + v * kLanes);
}

template <typename L, int V, typename P>
inline __attribute__((always_inline)) void write(typename L::type* p, const Vec (&x)[V], P part) {
  if constexpr (V == 1) {
    write<L>(p, x[0], part);
    return;
  }
#if defined(__AVX512BW__)
  if constexpr (V > 1 && std::is_same_v<L, RoundedBrains>) {
    for (int v = 0; v < V; v += 2) {
      Vec words;
      asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(words) : "v"(x[v]), "v"(x[v + 1]));
      memcpy(p + v * kLanes, &words, sizeof words);
    }
    return;
  }
#endif
  for (int v = 0; v < V; ++v) L::write(p + v * kLanes, x[v]);
}

}  // namespace vectors
}  // namespace EASEL_ISA
}  // namespace easel
