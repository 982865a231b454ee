// binary(fn; a, b) with NumPy broadcasting. Memory-bound; the output may be an operand of its size, so none
// is
// __restrict__. Neighbouring axes that both operands walk alike come merged, so the innermost axis is long:
// it is walked in packs where it divides into them, and an operand repeated along it costs one load a pack.
#include "../arrays/walk.cuh"

namespace easel {

EASEL_DEVICE int32_t computed(int32_t x) { return x; }
template <typename T>
EASEL_DEVICE float computed(T x) {
  return to_float(x);
}
template <typename T>
EASEL_DEVICE T rounded(float x) {
  return from_float<T>(x);
}
template <typename T>
EASEL_DEVICE T rounded(int32_t x) {
  return x;
}

template <int Fn, typename T, int N>
EASEL_DEVICE Pack<T, N> lanewise(const Pack<T, N>& a, const Pack<T, N>& b) {
  Pack<T, N> y;
#pragma unroll
  for (int l = 0; l < N; ++l) y.at[l] = rounded<T>(binary<Fn>(computed(a.at[l]), computed(b.at[l])));
  return y;
}

// The function is an argument: a branch that all threads take alike, once a pack.
template <typename T, int N>
EASEL_DEVICE Pack<T, N> combined(int fn, const Pack<T, N>& a, const Pack<T, N>& b) {
  switch (fn) {
    case BINARY_ADD:
      return lanewise<BINARY_ADD>(a, b);
    case BINARY_SUB:
      return lanewise<BINARY_SUB>(a, b);
    case BINARY_MUL:
      return lanewise<BINARY_MUL>(a, b);
    case BINARY_MINIMUM:
      return lanewise<BINARY_MINIMUM>(a, b);
    case BINARY_MAXIMUM:
      return lanewise<BINARY_MAXIMUM>(a, b);
    default:
      return lanewise<BINARY_DIV>(a, b);
  }
}

template <typename T, int N>
EASEL_DEVICE Pack<T, N> load_or_repeat(const T* p, bool one) {
  return one ? repeated<T, N>(*p) : load<T, N>(p);
}

template <typename T>
EASEL_DEVICE void binary_op(T* y, const T* a, const T* b, const Walk& w, int fn) {
  const bool one_a = w.inner_a == 0, one_b = w.inner_b == 0;
  const bool packs = aligned(y) && (one_a || aligned(a)) && (one_b || aligned(b));
  const auto step = [&](auto lanes, int64_t k, int64_t at_a, int64_t at_b) {
    constexpr int N = decltype(lanes)::value;
    store(y + k, combined(fn, load_or_repeat<T, N>(a + at_a, one_a), load_or_repeat<T, N>(b + at_b, one_b)));
  };
  if (!w.outer)
    each_pack<kPack<T>>(w.count, packs,
                        [&](auto lanes, int64_t k) { step(lanes, k, k * w.inner_a, k * w.inner_b); });
  else if (packs && w.inner % kPack<T> == 0)
    walk<kPack<T>>(w, step);
  else
    walk<1>(w, step);
}

#define BINARY(T, NAME)                                                                   \
  EASEL_KERNEL(256, binary_##NAME, (T * y, const T* a, const T* b, Walk w, int32_t fn)) { \
    binary_op(y, a, b, w, fn);                                                            \
  }
EASEL_FLOATS(BINARY)
BINARY(int32_t, i32)

}  // namespace easel
