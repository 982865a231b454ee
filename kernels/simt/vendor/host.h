// What the stand-ins for NVIDIA's libraries share: the simulator that the calling thread's device is on, and
// numbers of the dtypes they know.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../../pointwise.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace simt {

struct Simulator {
  int (*submit)(int (*work)(void*), void* argument, void (*release)(void*)) = nullptr;
  int (*owns)(const void*, size_t) = nullptr;
  int (*capturing)() = nullptr;
  bool found() const { return submit; }
};
Simulator simulator();

// Whether the environment variable is set to `value`.
bool setting(const char* variable, const char* value);

enum class Number { f32, f16, bf16 };

inline int64_t bytes_of(Number type) { return type == Number::f32 ? 4 : 2; }

inline float load(const void* p, Number type, int64_t at) {
  if (type == Number::f32) return static_cast<const float*>(p)[at];
  if (type == Number::f16) return easel::to_float(static_cast<const easel::f16*>(p)[at]);
  return easel::to_float(static_cast<const easel::bf16*>(p)[at]);
}
inline void store(void* p, Number type, int64_t at, float x) {
  if (type == Number::f32)
    static_cast<float*>(p)[at] = x;
  else if (type == Number::f16)
    static_cast<easel::f16*>(p)[at] = easel::from_float<easel::f16>(x);
  else
    static_cast<easel::bf16*>(p)[at] = easel::from_float<easel::bf16>(x);
}
inline float to_tf32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  bits = (bits + 0x1000) & ~uint32_t(0x1fff);
  memcpy(&x, &bits, 4);
  return x;
}

}  // namespace simt
