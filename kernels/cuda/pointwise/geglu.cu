// geglu([a | b]) = a * gelu(b) over halves of the last axis, and its gradient. Memory-bound.
#include "../arrays/packs.cuh"

namespace easel {

// A pack lies in one row, so rows are counted once for each.
template <typename T>
EASEL_DEVICE void geglu(T* __restrict__ y, const T* __restrict__ x, int64_t M,
                        int64_t C) {  // y: (M, C), x: (M, 2C)
  const bool packs = C % kPack<T> == 0 && aligned(y, x);
  each_pack<kPack<T>>(M * C, packs, [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const T* from = x + k + k / C * C;  // x's rows are twice as long: skip one C for each row passed
    Pack<T, N> a = load<T, N>(from);
    const Pack<T, N> b = load<T, N>(from + C);
#pragma unroll
    for (int l = 0; l < N; ++l) a.at[l] = from_float<T>(to_float(a.at[l]) * gelu(to_float(b.at[l])));
    store(y + k, a);
  });
}

template <typename T>
EASEL_DEVICE void geglu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                                 int64_t M,
                                 int64_t C) {  // dx, x: (M, 2C), dy: (M, C)
  const bool packs = C % kPack<T> == 0 && aligned(dx, dy, x);
  each_pack<kPack<T>>(M * C, packs, [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const int64_t at = k + k / C * C;
    const Pack<T, N> dys = load<T, N>(dy + k);
    Pack<T, N> as = load<T, N>(x + at), bs = load<T, N>(x + at + C);
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const float d = to_float(dys.at[l]), a = to_float(as.at[l]), b = to_float(bs.at[l]);
      const float cdf = normal_cdf(b);
      as.at[l] = from_float<T>(d * (b * cdf));
      bs.at[l] = from_float<T>(d * a * (cdf + b * 0.39894228040143268f * exp_of(-0.5f * b * b)));
    }
    store(dx + at, as);
    store(dx + at + C, bs);
  });
}

#define GEGLU(T, NAME)                                                                                \
  EASEL_KERNEL(256, geglu_##NAME, (T * y, const T* x, int64_t M, int64_t C)) { geglu(y, x, M, C); }   \
  EASEL_KERNEL(256, geglu_backward_##NAME, (T * dx, const T* dy, const T* x, int64_t M, int64_t C)) { \
    geglu_backward(dx, dy, x, M, C);                                                                  \
  }
GEGLU(float, f32)
GEGLU(f16, f16)
GEGLU(bf16, bf16)

}  // namespace easel
