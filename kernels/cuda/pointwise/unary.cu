// unary(fn; x) and its gradient. Memory-bound; the output may be an input, so none is __restrict__. The
// function is an argument: every thread takes the same case, once for its whole loop.
#include "../arrays/packs.cuh"

namespace easel {

template <int Fn, typename T>
EASEL_DEVICE void forward(T* y, const T* x, int64_t n) {
  each_pack<kPack<T>>(n, aligned(y, x), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    Pack<T, N> v = load<T, N>(x + k);
#pragma unroll
    for (int l = 0; l < N; ++l) v.at[l] = from_float<T>(unary<Fn>(to_float(v.at[l])));
    store(y + k, v);
  });
}

template <int Fn, typename T>
EASEL_DEVICE void backward(T* dx, const T* dy, const T* x, int64_t n) {
  each_pack<kPack<T>>(n, aligned(dx, dy, x), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const Pack<T, N> v = load<T, N>(x + k);
    Pack<T, N> d = load<T, N>(dy + k);
#pragma unroll
    for (int l = 0; l < N; ++l)
      d.at[l] = from_float<T>(to_float(d.at[l]) * unary_slope<Fn>(to_float(v.at[l])));
    store(dx + k, d);
  });
}

// clang-format off
#define FUNCTIONS(CASE)                                                    \
  CASE(UNARY_EXP) CASE(UNARY_LOG) CASE(UNARY_SQRT) CASE(UNARY_ABS)         \
  CASE(UNARY_NEG) CASE(UNARY_SIN) CASE(UNARY_COS) CASE(UNARY_TANH)         \
  CASE(UNARY_SIGMOID) CASE(UNARY_SILU) CASE(UNARY_GELU)                    \
  CASE(UNARY_QUICK_GELU) CASE(UNARY_SQUARE) CASE(UNARY_RECIPROCAL)
// clang-format on
#define FORWARD(FN) \
  case FN:          \
    return forward<FN>(y, x, n);
#define BACKWARD(FN) \
  case FN:           \
    return backward<FN>(dx, dy, x, n);

#define UNARY(T, NAME)                                                                                 \
  EASEL_KERNEL(256, unary_##NAME, (T * y, const T* x, int32_t fn, int64_t n)) {                        \
    switch (fn) { FUNCTIONS(FORWARD) }                                                                 \
  }                                                                                                    \
  EASEL_KERNEL(256, unary_backward_##NAME, (T * dx, const T* dy, const T* x, int32_t fn, int64_t n)) { \
    switch (fn) { FUNCTIONS(BACKWARD) }                                                                \
  }
EASEL_FLOATS(UNARY)

}  // namespace easel
