// The functions that memory-bound ops spend their time in, of vectors.
#pragma once
#include "vectors.h"

namespace easel {
inline namespace EASEL_ISA {
namespace vectors {

// Functions are as exact as float, but as bf16 needs where that comes of them.
template <typename T>
constexpr bool kExact = !std::is_same_v<T, bf16>;

// 2^x for x up to 127, to about 2 ulp, to 7e-5 for bf16; below -126 it is 0 to within 1e-37. NaN stays NaN.
// Of -infinity p is NaN, and vscalefps makes 0 of it.
template <typename T = float>
inline Vec exp2_of(Vec x) {
#if defined(__AVX512F__)
  if constexpr (!kExact<T>) {  // vscalefps rounds x down by itself, so r is from 0 to 1
    Vec r, y;
    asm("vreduceps $1, %1, %0" : "=v"(r) : "v"(x));
    const Vec p = ((r * 0.07802452f + 0.22606716f) * r + 0.69583354f) * r + 0.99992522f;
    asm("vscalefps %2, %1, %0" : "=v"(y) : "v"(p), "v"(x));
    return y;
  }
  Vec whole;
  asm("vrndscaleps $0, %1, %0" : "=v"(whole) : "v"(x));
#else
  constexpr float kRounds = 12582912.f;  // a sum's last bits are the whole number next to what was added
  x = at_least(x, -126.f);
  const Vec sum = x + kRounds, whole = sum - kRounds;
#endif
  const Vec r = x - whole;
  Vec p;
  if constexpr (kExact<T>) {
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

// 1/x for x from 1 to 2^126; dividing 16 floats takes a Zen 4 ten cycles.
template <typename T>
inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  Vec y;  // to 2^-14
  asm("vrcp14ps %1, %0" : "=v"(y) : "v"(x));
  return kExact<T> ? y + y * (1.f - x * y) : y;
#elif defined(__AVX__)
  if constexpr (kExact<T>) return 1.f / x;
  const Vec y = (Vec)_mm256_rcp_ps((__m256)x);  // to 2^-11
  return y + y * (1.f - x * y);
#else
  return 1.f / x;
#endif
}

constexpr float kLog2E = 1.44269504088896341f;

// Whether what is too large for exp2_of() may be its argument: infinity comes of it, and its reciprocal is 0.
#if defined(__AVX512F__)
template <typename T>
constexpr bool kOverflows = !kExact<T>;
#else
template <typename T>
constexpr bool kOverflows = false;
#endif

template <typename T>
inline Vec sigmoid(Vec x) {
  Vec t = x * -kLog2E;
  if (!kOverflows<T>) t = at_most(t, 126.f);
  return reciprocal<T>(1.f + exp2_of<T>(t));
}
// Of -infinity it is NaN, as the product of that and 0 is; a bounded sigmoid is not 0.
template <typename T>
inline Vec silu(Vec x) {
  const Vec y = x * sigmoid<T>(x);
  return kOverflows<T> ? y : at_most(x, 0.f) * 0.f + y;
}
template <typename T>
inline Vec silu_slope(Vec x) {
  const Vec s = sigmoid<T>(x);
  return s + s * (x - x * s);
}

// The normal distribution on both sides of |x|: e^(-x^2/2), and how much lies beyond |x|, which is that times
// a polynomial of 1 / (1 + p |x|), as in Abramowitz and Stegun 7.1.26, but fitted to the least relative
// error: 2e-7, 4e-5 for bf16. So what is far left of 0 keeps its digits.
struct Bell {
  Vec density, beyond;
};
template <typename T>
inline Bell bell(Vec x) {
  x = at_most(magnitude(x), 14.f);
  const Vec e = exp2_of<T>(x * x * (-0.5f * kLog2E));
  const Vec t = reciprocal<T>(x * (kExact<T> ? 0.3f : 0.38f) + 1.f);
  Vec p;
  if constexpr (kExact<T>) {
    p = t * 0.0356745333f - 0.157202021f;
    p = p * t + 0.206351583f;
    p = p * t - 0.0536817967f;
    p = p * t + 0.128560612f;
    p = p * t + 0.0999138095f;
    p = p * t + 0.120753904f;
    p = p * t + 0.119629302f;
  } else {
    p = t * -0.0899268525f + 0.188873248f;
    p = p * t + 0.0919821464f;
    p = p * t + 0.157828746f;
    p = p * t + 0.151225211f;
  }
  return {e, p * t * e};
}

template <typename T>
inline Vec gelu(Vec x) {
  return at_least(x, 0.f) - at_most(magnitude(x), 14.f) * bell<T>(x).beyond;
}

}  // namespace vectors
}  // namespace EASEL_ISA
}  // namespace easel
