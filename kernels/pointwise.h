// Scalar building blocks that the CPU and CUDA kernels share: 16-bit floats, and the pointwise functions with
// their derivatives. Everything computes in float and is free of branches, so that compilers can vectorise
// it.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "easel_ops.h"

#ifdef __CUDACC__
#define EASEL_FN __host__ __device__ inline
#else
#define EASEL_FN static inline __attribute__((always_inline))
#endif

namespace easel {

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
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
// patched.
EASEL_FN float to_float(f16 x) {
  const uint32_t magnitude = uint32_t(x.bits & 0x7fffu) << 13;
  const uint32_t finite = float_bits(bits_float(magnitude) * 0x1p112f);
  const uint32_t special = magnitude | 0x7f800000u;
  return bits_float((magnitude >= 0x0f800000u ? special : finite) | uint32_t(x.bits & 0x8000u) << 16);
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
    const uint32_t u = float_bits(x);
    const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return {uint16_t((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded)};
  }
};
template <>
struct Convert<f16> {  // to nearest, ties to even; overflow to inf, subnormals kept
  static EASEL_FN f16 from(float x) {
    const uint32_t u = float_bits(x), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
    const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    // Adding 0.5 leaves the value's multiple of 2^-24 in the low bits, rounded by the float adder itself.
    const uint32_t tiny = float_bits(bits_float(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
    const uint32_t finite = magnitude < 0x38800000u ? tiny : normal;
    return {uint16_t(sign | (magnitude >= 0x477ff000u ? special : finite))};
  }
};
template <typename T>
EASEL_FN T from_float(float x) {
  return Convert<T>::from(x);
}

}  // namespace easel
