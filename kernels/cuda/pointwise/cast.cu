// cast(x; dtype): rounds to nearest even. Memory-bound; a thread moves 16 bytes of the narrower type at once.
#include "../arrays/packs.cuh"

namespace easel {

template <typename D, typename S>
EASEL_DEVICE void cast(D* __restrict__ y, const S* __restrict__ x, int64_t n) {
  constexpr int most = kPack < D >> kPack<S> ? kPack<D> : kPack<S>;
  each_pack<most>(n, aligned(y, x), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const Pack<S, N> v = load<S, N>(x + k);
    Pack<D, N> r;
#pragma unroll
    for (int l = 0; l < N; ++l) r.at[l] = from_float<D>(to_float(v.at[l]));
    store(y + k, r);
  });
}

#define CAST(S, FROM, D, TO) \
  EASEL_KERNEL(256, cast_##FROM##_##TO, (D * y, const S* x, int64_t n)) { cast(y, x, n); }
CAST(float, f32, f16, f16)
CAST(float, f32, bf16, bf16)
CAST(float, f32, int32_t, i32)
CAST(f16, f16, float, f32)
CAST(f16, f16, bf16, bf16)
CAST(f16, f16, int32_t, i32)
CAST(bf16, bf16, float, f32)
CAST(bf16, bf16, f16, f16)
CAST(bf16, bf16, int32_t, i32)
CAST(f8, f8, float, f32)
CAST(f8, f8, f16, f16)
CAST(f8, f8, bf16, bf16)
CAST(int32_t, i32, float, f32)
CAST(int32_t, i32, f16, f16)
CAST(int32_t, i32, bf16, bf16)

}  // namespace easel
