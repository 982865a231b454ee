// Vectors as wide as the registers of this level: tensors' rows to lanes of float and back.
#pragma once
#include <cstring>
#include <type_traits>
#include <utility>
#ifdef __F16C__
#include <immintrin.h>
#endif

#include "../kernel.h"

namespace easel {
inline namespace EASEL_ISA {
namespace vectors {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Short __attribute__((vector_size(2 * kLanes)));
using EachLane = std::make_integer_sequence<int, kLanes>;

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

// How a row's numbers become floats and back.
struct Singles {
  using type = float;
  static Vec read(const float* p) { return load(p); }
  static void write(float* p, Vec x) { store(p, x); }
};

struct Halves {
  using type = f16;
#if defined(__AVX512F__)
  static Vec read(const f16* p) { return (Vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p)); }
  static void write(f16* p, Vec x) {
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT));
  }
#elif defined(__F16C__)
  static Vec read(const f16* p) { return (Vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)); }
  static void write(f16* p, Vec x) {
    _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT));
  }
#else
  static Vec read(const f16* p) {
    Vec x;
    for (int k = 0; k < kLanes; ++k) x[k] = to_float(p[k]);
    return x;
  }
  static void write(f16* p, Vec x) {
    for (int k = 0; k < kLanes; ++k) p[k] = from_float<f16>(x[k]);
  }
#endif
};

struct Brains {
  using type = bf16;
  static Vec read(const bf16* p) {
#if defined(__AVX512F__)
    return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16);
#elif defined(__AVX2__)
    return (Vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16);
#else
    Short half;
    memcpy(&half, p, sizeof half);
    return (Vec)(__builtin_convertvector(half, Bits) << 16);
#endif
  }
  static void write(bf16* p, Vec x) {
    const Bits u = (Bits)x, rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const Bits number = x == x ? rounded : Bits{} + 0x7fc0u;
#if defined(__AVX2__) && !defined(__AVX512F__)
    const __m256i pairs = _mm256_packus_epi32((__m256i)number, (__m256i)number);
    _mm_storeu_si128((__m128i*)p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(pairs, 0x08)));
#else
    const Short half = __builtin_convertvector(number, Short);
    memcpy(p, &half, sizeof half);
#endif
  }
};

#if defined(__AVX512F__)
// Where the processor rounds to bf16.
struct RoundedBrains : Brains {
  static void write(bf16* p, Vec x) {
    Short half;
    asm("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(x));
    memcpy(p, &half, sizeof half);
  }
};
#endif

// The one for numbers of type T, on every processor.
template <typename T>
using LanesOf = std::conditional_t<std::is_same_v<T, float>, Singles,
                                   std::conditional_t<std::is_same_v<T, f16>, Halves, Brains>>;

// Calls f with the one of these that a dtype takes on this processor.
template <typename F>
inline Run with_lanes(const Instruction& i, int32_t dtype, F f) {
#if defined(__AVX512F__)
  if (dtype == EASEL_BF16 && __builtin_cpu_supports("avx512bf16")) return f(RoundedBrains());
#endif
  return dispatch(i, dtype, [&](auto type) -> Run { return f(LanesOf<typename decltype(type)::type>()); });
}

// f(k, part) for each vector of n numbers, k its first; `part` says how much of it there is.
struct Whole {
  static constexpr int lanes = kLanes;
};
struct Part {
  int lanes;
};
template <typename F>
inline __attribute__((always_inline)) void each_vector(int64_t n, const F& f) {
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) f(k, Whole());
  if (k < n) f(k, Part{int(n - k)});
}

template <typename L>
inline Vec read(const typename L::type* p, Whole) {
  return L::read(p);
}
template <typename L>
inline Vec read(const typename L::type* p, Part part) {  // 0 in the other lanes
  typename L::type x[kLanes]{};
  memcpy(x, p, size_t(part.lanes) * sizeof *x);
  return L::read(x);
}
template <typename L>
inline void write(typename L::type* p, Vec x, Whole) {
  L::write(p, x);
}
template <typename L>
inline void write(typename L::type* p, Vec x, Part part) {
  typename L::type y[kLanes];
  L::write(y, x);
  memcpy(p, y, size_t(part.lanes) * sizeof *y);
}

// The smaller and the larger of x and a number; NaN stays NaN.
inline Vec at_most(Vec x, float most) {
#if defined(__AVX512F__)
  return (Vec)_mm512_min_ps((__m512)spread(most), (__m512)x);
#elif defined(__AVX__)
  return (Vec)_mm256_min_ps((__m256)spread(most), (__m256)x);
#else
  return x > most ? spread(most) : x;
#endif
}
inline Vec at_least(Vec x, float least) {
#if defined(__AVX512F__)
  return (Vec)_mm512_max_ps((__m512)spread(least), (__m512)x);
#elif defined(__AVX__)
  return (Vec)_mm256_max_ps((__m256)spread(least), (__m256)x);
#else
  return x < least ? spread(least) : x;
#endif
}
inline Vec magnitude(Vec x) { return (Vec)((Bits)x & 0x7fffffffu); }

}  // namespace vectors
}  // namespace EASEL_ISA
}  // namespace easel
