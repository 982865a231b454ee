// What the memory-bound kernels share: 16-byte accesses, grid-stride loops over them, and units of bytes.
#pragma once
#include "../device.cuh"

namespace easel {

// Elements of T that one 16-byte access moves.
template <typename T>
constexpr int kPack = 16 / int(sizeof(T));

// N neighbours in registers.
template <typename T, int N>
struct Pack {
  T at[N];
};

template <int N>
struct Lanes {
  static constexpr int value = N;
};

// By 16-byte accesses where N elements fill them, which p must allow; else one by one.
template <typename T, int N>
EASEL_DEVICE Pack<T, N> load(const T* p) {
  constexpr int wide = N * int(sizeof(T)) / 16;
  Pack<T, N> v;
  if constexpr (wide * 16 == N * int(sizeof(T))) {
#pragma unroll
    for (int k = 0; k < wide; ++k) {
      const Bytes16 w = reinterpret_cast<const Bytes16*>(p)[k];
      memcpy(reinterpret_cast<char*>(&v) + 16 * k, &w, 16);
    }
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) v.at[k] = p[k];
  }
  return v;
}

template <typename T, int N>
EASEL_DEVICE void store(T* p, const Pack<T, N>& v) {
  constexpr int wide = N * int(sizeof(T)) / 16;
  if constexpr (wide * 16 == N * int(sizeof(T))) {
#pragma unroll
    for (int k = 0; k < wide; ++k) {
      Bytes16 w;
      memcpy(&w, reinterpret_cast<const char*>(&v) + 16 * k, 16);
      reinterpret_cast<Bytes16*>(p)[k] = w;
    }
  } else {
#pragma unroll
    for (int k = 0; k < N; ++k) p[k] = v.at[k];
  }
}

template <typename T, int N>
EASEL_DEVICE Pack<T, N> repeated(T value) {
  Pack<T, N> v;
#pragma unroll
  for (int l = 0; l < N; ++l) v.at[l] = value;
  return v;
}

// Whether every pointer allows 16-byte accesses: planned memory does, a parameter in a flat buffer may not.
template <typename... P>
EASEL_DEVICE bool aligned(const P*... p) {
  return (aligned16(p) && ...);
}

// f(Lanes<N>, k) for elements [k, k + N) of [0, n), then f(Lanes<1>, k) for what is left, or for all of it
// where the pointers do not allow packs. Any grid is correct.
template <int N, typename F>
EASEL_DEVICE void each_pack(int64_t n, bool packs, F f) {
  const int64_t whole = packs ? n / N : 0;
  EASEL_GRID_STRIDE(k, whole) f(Lanes<N>(), k * N);
  EASEL_GRID_STRIDE(k, n - whole * N) f(Lanes<1>(), whole * N + k);
}

}  // namespace easel

// X(T, NAME) for the dtypes of activations, and for the units of bytes that a copy moves (units.h).
#define EASEL_FLOATS(X) X(float, f32) X(f16, f16) X(bf16, bf16)
#define EASEL_UNITS(X) X(uint8_t, 1) X(uint16_t, 2) X(uint32_t, 4) X(uint64_t, 8) X(Bytes16, 16)
