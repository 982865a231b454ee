// affine(x; scale, shift) = scale * x + shift. Memory-bound; y may be x, so neither is __restrict__.
#include "../arrays/packs.cuh"

namespace easel {

template <typename T>
EASEL_DEVICE void affine(T* y, const T* x, float scale, float shift, int64_t n) {
  each_pack<kPack<T>>(n, aligned(y, x), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    Pack<T, N> v = load<T, N>(x + k);
#pragma unroll
    for (int l = 0; l < N; ++l) v.at[l] = from_float<T>(scale * to_float(v.at[l]) + shift);
    store(y + k, v);
  });
}

#define AFFINE(T, NAME)                                                                        \
  EASEL_KERNEL(256, affine_##NAME, (T * y, const T* x, float scale, float shift, int64_t n)) { \
    affine(y, x, scale, shift, n);                                                             \
  }
EASEL_FLOATS(AFFINE)

}  // namespace easel
