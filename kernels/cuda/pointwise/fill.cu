// fill, accumulate: effects on a parameter (copy is a cast, or the driver's). Memory-bound: one write; two
// reads and a write. A parameter may start at any element of a flat buffer, so packs are used only where its
// address allows them.
#include "../arrays/packs.cuh"

namespace easel {

template <typename T>
EASEL_DEVICE void fill(T* __restrict__ y, T value, int64_t n) {
  each_pack<kPack<T>>(n, aligned(y), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    store(y + k, repeated<T, N>(value));
  });
}

template <typename T>
EASEL_DEVICE void accumulate(float* __restrict__ y, const T* __restrict__ x, int64_t n) {
  each_pack<kPack<T>>(n, aligned(y, x), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    Pack<float, N> s = load<float, N>(y + k);
    const Pack<T, N> v = load<T, N>(x + k);
#pragma unroll
    for (int l = 0; l < N; ++l) s.at[l] += to_float(v.at[l]);
    store(y + k, s);
  });
}

// The value's bits: f32 and i32, f16 and bf16.
EASEL_KERNEL(256, fill_4, (uint32_t * y, uint32_t value, int64_t n)) { fill(y, value, n); }
EASEL_KERNEL(256, fill_2, (uint16_t * y, uint32_t value, int64_t n)) { fill(y, uint16_t(value), n); }

#define ACCUMULATE(T, NAME) \
  EASEL_KERNEL(256, accumulate_##NAME, (float* y, const T* x, int64_t n)) { accumulate(y, x, n); }
EASEL_FLOATS(ACCUMULATE)

}  // namespace easel
