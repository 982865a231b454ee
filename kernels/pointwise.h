// Scalar building blocks that the CPU and CUDA kernels share: 16-bit floats, and the pointwise functions with
// their derivatives. Everything computes in float and is free of branches, so that compilers can vectorise
// it.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "easel_ops.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define EASEL_FN __host__ __device__ inline
#else
#define EASEL_FN inline __attribute__((always_inline))
#endif

namespace easel {

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};
struct f8 {  // float8_e4m3fn: no infinity, NaN where all bits but the sign are set, 448 at most
  uint8_t bits;
};

EASEL_FN uint32_t float_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}
EASEL_FN float bits_float(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

EASEL_FN float to_float(float x) { return x; }
EASEL_FN float to_float(bf16 x) { return bits_float(uint32_t(x.bits) << 16); }
// The exponent is rebased by a multiplication, which also turns f16 subnormals into floats; inf and NaN are
// patched. GPUs have an instruction for it, and for rounding to f16 and bf16.
EASEL_FN float to_float(f16 x) {
#ifdef __CUDA_ARCH__
  return __half2float(__ushort_as_half(x.bits));
#else
  const uint32_t magnitude = uint32_t(x.bits & 0x7fffu) << 13;
  const uint32_t finite = float_bits(bits_float(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000u;
  return bits_float((magnitude >= 0x0f800000u ? special : finite) | uint32_t(x.bits & 0x8000u) << 16);
#endif
}
EASEL_FN float to_float(f8 x) {
  const uint32_t magnitude = uint32_t(x.bits & 0x7fu), sign = uint32_t(x.bits & 0x80u) << 24;
  const uint32_t finite = float_bits(bits_float(magnitude << 20) * 0x1p120f);
  return bits_float((magnitude == 0x7fu ? 0x7fc00000u : finite) | sign);
}
EASEL_FN float to_float(int32_t x) { return float(x); }

template <typename T>
struct Convert;
template <>
struct Convert<float> {
  static EASEL_FN float from(float x) { return x; }
};
template <>
struct Convert<int32_t> {
  static EASEL_FN int32_t from(float x) { return int32_t(x); }
};
template <>
struct Convert<bf16> {  // to nearest, ties to even; NaN stays NaN
  static EASEL_FN bf16 from(float x) {
#ifdef __CUDA_ARCH__
    return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
    const uint32_t u = float_bits(x);
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return {uint16_t((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
#endif
  }
};
template <>
struct Convert<f16> {  // to nearest, ties to even; overflow to inf, subnormals kept
  static EASEL_FN f16 from(float x) {
#ifdef __CUDA_ARCH__
    return {__half_as_ushort(__float2half_rn(x))};
#else
    const uint32_t u = float_bits(x), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    // Adding 0.5 leaves the value's multiple of 2^-24 in the low bits, rounded by the float adder itself.
    const uint32_t tiny = float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t finite = magnitude < 0x38800000u ? tiny : normal;
    return {uint16_t(sign | (magnitude >= 0x477ff000u ? special : finite))};
#endif
  }
};
template <>
struct Convert<f8> {  // to nearest, ties to even; what is above 464 becomes NaN, as in PyTorch
  static EASEL_FN f8 from(float x) {
    const uint32_t u = float_bits(x), sign = (u >> 24) & 0x80u, magnitude = u & 0x7fffffffu;
    const uint32_t normal = (magnitude - 0x3c000000u + 0x7ffffu + ((magnitude >> 20) & 1u)) >> 20;
    // adding 2^14 leaves the multiple of 2^-9 in the low bits
    const uint32_t tiny = float_bits(bits_float(magnitude) + 16384.0f) - 0x46800000u;
    const uint32_t finite = magnitude < 0x3c800000u ? tiny : normal;
    return {uint8_t(sign | (magnitude > 0x43e80000u ? 0x7fu : finite))};
  }
};
template <typename T>
EASEL_FN T from_float(float x) {
  return Convert<T>::from(x);
}

// e^x within 1 ulp or so: 2^n e^r with |r| <= ln(2)/2; the scale is applied in halves so that subnormals and
// inf come out.
EASEL_FN float exp_of(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float n = rintf(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const int32_t whole = int32_t(n), half = whole >> 1;
  return p * bits_float(uint32_t(half + 127) << 23) * bits_float(uint32_t(whole - half + 127) << 23);
}

// erf within 2e-7: an odd rational function on [-4, 4], where it has reached 1 in float.
EASEL_FN float erf_of(float x) {
  x = x < -4.0f ? -4.0f : x;
  x = x > 4.0f ? 4.0f : x;
  const float s = x * x;
  float p = -2.72614225801306e-10f;
  p = p * s + 2.77068142495902e-08f;
  p = p * s - 2.10102402082508e-06f;
  p = p * s - 5.69250639462346e-05f;
  p = p * s - 7.34990630326855e-04f;
  p = p * s - 2.95459980854025e-03f;
  p = p * s - 1.60960333262415e-02f;
  float q = -1.45660718464996e-05f;
  q = q * s - 2.13374055278905e-04f;
  q = q * s - 1.68282697438203e-03f;
  q = q * s - 7.37332916720468e-03f;
  q = q * s - 1.42647390514189e-02f;
  return x * p / q;
}

EASEL_FN float sigmoid(float x) { return 1.0f / (1.0f + exp_of(-x)); }
EASEL_FN float silu(float x) { return x * sigmoid(x); }
EASEL_FN float silu_slope(float x) {
  const float s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}
EASEL_FN float normal_cdf(float x) { return 0.5f + 0.5f * erf_of(x * 0.70710678118654752f); }
EASEL_FN float gelu(float x) { return x * normal_cdf(x); }
EASEL_FN float gelu_slope(float x) {
  return normal_cdf(x) + x * 0.39894228040143268f * exp_of(-0.5f * x * x);
}

template <int Fn>
EASEL_FN float unary(float x) {
  if constexpr (Fn == UNARY_EXP) return exp_of(x);
  if constexpr (Fn == UNARY_LOG) return logf(x);
  if constexpr (Fn == UNARY_SQRT) return sqrtf(x);
  if constexpr (Fn == UNARY_ABS) return fabsf(x);
  if constexpr (Fn == UNARY_NEG) return -x;
  if constexpr (Fn == UNARY_SIN) return sinf(x);
  if constexpr (Fn == UNARY_COS) return cosf(x);
  if constexpr (Fn == UNARY_TANH) return tanhf(x);
  if constexpr (Fn == UNARY_SIGMOID) return sigmoid(x);
  if constexpr (Fn == UNARY_SILU) return silu(x);
  if constexpr (Fn == UNARY_GELU) return gelu(x);
  if constexpr (Fn == UNARY_QUICK_GELU) return x * sigmoid(1.702f * x);
  if constexpr (Fn == UNARY_SQUARE) return x * x;
  if constexpr (Fn == UNARY_RECIPROCAL) return 1.0f / x;
}

// The derivative of unary<Fn> at x.
template <int Fn>
EASEL_FN float unary_slope(float x) {
  if constexpr (Fn == UNARY_EXP) return exp_of(x);
  if constexpr (Fn == UNARY_LOG) return 1.0f / x;
  if constexpr (Fn == UNARY_SQRT) return 0.5f / sqrtf(x);
  if constexpr (Fn == UNARY_ABS) return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
  if constexpr (Fn == UNARY_NEG) return -1.0f;
  if constexpr (Fn == UNARY_SIN) return cosf(x);
  if constexpr (Fn == UNARY_COS) return -sinf(x);
  if constexpr (Fn == UNARY_TANH) return 1.0f - tanhf(x) * tanhf(x);
  if constexpr (Fn == UNARY_SIGMOID) return sigmoid(x) * (1.0f - sigmoid(x));
  if constexpr (Fn == UNARY_SILU) return silu_slope(x);
  if constexpr (Fn == UNARY_GELU) return gelu_slope(x);
  if constexpr (Fn == UNARY_QUICK_GELU) {
    const float s = sigmoid(1.702f * x);
    return s * (1.0f + 1.702f * x * (1.0f - s));
  }
  if constexpr (Fn == UNARY_SQUARE) return 2.0f * x;
  if constexpr (Fn == UNARY_RECIPROCAL) return -1.0f / (x * x);
}

template <int Fn, typename T>
EASEL_FN T binary(T a, T b) {  // T: float or int32_t
  if constexpr (Fn == BINARY_ADD) return a + b;
  if constexpr (Fn == BINARY_SUB) return a - b;
  if constexpr (Fn == BINARY_MUL) return a * b;
  if constexpr (Fn == BINARY_DIV) return a / b;
  if constexpr (Fn == BINARY_MINIMUM) return b < a ? b : a;
  if constexpr (Fn == BINARY_MAXIMUM) return a < b ? b : a;
}

// The steps of a chain that are no functions of the lists above.
EASEL_FN float sign_of(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }  // NaN stays NaN
// x as one of its two neighbours in bf16, the nearer one more often: its last 16 bits against as many that a
// hash of lane and seed (lowbias32 of the "hash prospector") makes.
EASEL_FN float dither_of(float x, uint32_t lane, uint32_t seed) {
  uint32_t h = lane ^ seed * 0x9e3779b9u;
  h = (h ^ h >> 16) * 0x7feb352du;
  h = (h ^ h >> 15) * 0x846ca68bu;
  h ^= h >> 16;
  const uint32_t u = float_bits(x), rounded = (u + (h & 0xffffu)) & 0xffff0000u;
  return bits_float((u & 0x7f800000u) == 0x7f800000u ? u : rounded);
}
EASEL_FN float finite_of(float x) { return (float_bits(x) & 0x7f800000u) == 0x7f800000u ? 0.0f : 1.0f; }

}  // namespace easel
