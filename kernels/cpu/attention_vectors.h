// Vectors as wide as the registers of this level, their exponential, and rows for columns.
#pragma once
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernel.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kLanes = 8, kRegisters = 16;
#else
constexpr int kLanes = 4, kRegisters = 16;
#endif
constexpr bool kWide = kLanes == 16;  // half vectors pay, and bf16 may be multiplied
constexpr int kPanel = 2 * kLanes;    // queries side by side
constexpr int kUnit = kWide ? 8 : kLanes;

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef float HalfVec __attribute__((vector_size(4 * kUnit)));
using EachLane = std::make_integer_sequence<int, kLanes>;
using EachUnit = std::make_integer_sequence<int, kUnit>;

template <typename V = Vec>
inline V load(const float* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}
template <typename V>
inline void store(float* p, V v) {
  memcpy(p, &v, sizeof v);
}
template <typename V, int... L>
inline V spread(float x, std::integer_sequence<int, L...>) {
  return V{((void)L, x)...};
}
template <typename V = Vec>
inline V spread(float x) {
  return spread<V>(x, std::make_integer_sequence<int, int(sizeof(V) / 4)>());
}
template <int... L>
inline HalfVec first_lanes(Vec x, std::integer_sequence<int, L...>) {
  return __builtin_shufflevector(x, x, L...);
}
template <int... L>
inline IntVec lane_numbers(std::integer_sequence<int, L...>) {
  return IntVec{L...};
}

// 2^x for x up to 127, to about 2 ulp for float, to 2^-13 where bf16 comes of it; below -126 it is 0 to
// within 1e-37. NaN stays NaN. Of -infinity p is NaN, and vscalefps makes 0 of it.
template <typename T>
inline Vec exp2_of(Vec x) {
#if defined(__AVX512F__)
  Vec whole;
  asm("vrndscaleps $0, %1, %0" : "=v"(whole) : "v"(x));
#else
  constexpr float kRounds = 12582912.f;  // a sum's last bits are the whole number next to what was added
  x = spread(-126.f) > x ? spread(-126.f) : x;
  const Vec sum = x + kRounds, whole = sum - kRounds;
#endif
  const Vec r = x - whole;
  Vec p;
  if constexpr (std::is_same_v<T, float>) {
    p = r * 1.535336188e-4f + 1.339887440e-3f;
    p = p * r + 9.618437357e-3f;
    p = p * r + 5.550332471e-2f;
    p = p * r + 2.402264791e-1f;
    p = p * r + 6.931472028e-1f;
  } else {
    p = r * 5.500874e-2f + 2.422111e-1f;
    p = p * r + 6.932830e-1f;
  }
  p = p * r + 1.f;
#if defined(__AVX512F__)
  asm("vscalefps %2, %1, %0" : "=v"(p) : "v"(p), "v"(whole));
  return p;
#else
  return p * (Vec)(((IntVec)sum << 23) + (127 << 23));
#endif
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

// A panel's numbers of one key as bf16, to nearest even; those of two keys, a pair a word.
typedef uint16_t Narrow __attribute__((vector_size(4 * kLanes)));
Narrow narrowed(Vec low, Vec high);
void store_pairs(float* to, Narrow a, Narrow b);

#if defined(__AVX512F__)
inline Narrow narrowed(Vec low, Vec high) {
  Narrow y;
  asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(y) : "v"(high), "v"(low));
  return y;
}
template <int From, int... L>
inline Narrow interleaved(Narrow a, Narrow b, std::integer_sequence<int, L...>) {
  return __builtin_shuffle(a, b, Narrow{uint16_t(From + L / 2 + L % 2 * 2 * kLanes)...});
}
inline void store_pairs(float* to, Narrow a, Narrow b) {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  const Narrow low = interleaved<0>(a, b, Each()), high = interleaved<kLanes>(a, b, Each());
  memcpy(to, &low, sizeof low);
  memcpy(to + kLanes, &high, sizeof high);
}
#endif

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
