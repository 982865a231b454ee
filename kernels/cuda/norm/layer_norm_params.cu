// layerNormBackwardParams(dy, x, gamma, mean, rstd) -> dgamma = sum(dy xhat), dbeta = sum(dy), over the rows.
// Memory-bound: one read of dy and x; sums of `chunk` rows go to scratch, and a second launch adds them up.
#include "norm.cuh"

namespace easel {

// -> partials (parts, 2, C): sums of dy and of dy * xhat
template <int N, typename T>
EASEL_DEVICE void row_sums(float* partials, const T* dy, const T* x, const float* mean, const float* rstd,
                           int64_t M, int64_t C, int64_t chunk, float* room) {
  const Strip t = strip_of<N>(M, chunk);
  float s[2][N] = {};
  if (t.c < C) {
#pragma unroll 4
    for (int64_t m = t.from; m < t.to; m += t.table.down) {
      const Pack<T, N> d = load<T, N>(dy + m * C + t.c), v = load<T, N>(x + m * C + t.c);
      const float average = mean[m], root = rstd[m];
#pragma unroll
      for (int l = 0; l < N; ++l) {
        s[0][l] += to_float(d.at[l]);
        s[1][l] += to_float(d.at[l]) * (to_float(v.at[l]) - average) * root;
      }
    }
  }
  store_partials<N>(partials + blockIdx.y * 2 * C, s, t, C, room);
}

#define LAYER_NORM_PARAMS(T, NAME)                                                                         \
  EASEL_KERNEL(kNormThreads, layer_norm_backward_sums_##NAME,                                              \
               (float* partials, const T* dy, const T* x, const float* mean, const float* rstd, int64_t M, \
                int64_t C, int64_t chunk, int32_t packs)) {                                                \
    EASEL_SHARED(float, room);                                                                             \
    if (packs)                                                                                             \
      row_sums<kPack<T>>(partials, dy, x, mean, rstd, M, C, chunk, room);                                  \
    else                                                                                                   \
      row_sums<1>(partials, dy, x, mean, rstd, M, C, chunk, room);                                         \
  }                                                                                                        \
  EASEL_KERNEL(kNormThreads, layer_norm_backward_params_##NAME,                                            \
               (T * dgamma, T * dbeta, const float* partials, int64_t rows, int64_t C)) {                  \
    EASEL_SHARED(float, room);                                                                             \
    join_parameters(dgamma, dbeta, partials, rows, C, room);                                               \
  }
EASEL_FLOATS(LAYER_NORM_PARAMS)

}  // namespace easel
