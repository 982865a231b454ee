// groupNormBackward(dy, x, gamma, beta, mean, rstd[, residual]) -> dx, and the parameters' gradients.
// Memory-bound: dy and x are read once for sums a channel, and for dx once more with one write. d stands for
// the gradient before the SiLU.
#include "norm.cuh"

namespace easel {

// What a gradient reads.
template <typename T>
struct Operands {
  const T *dy, *x, *gamma, *beta;
  const float *mean, *rstd;
};

// xhat = x * rstd + offset, before the SiLU z = xhat * gamma + beta
template <int N>
struct Channels {
  float rstd[N], offset[N], gamma[N], beta[N];

  template <typename T>
  EASEL_DEVICE Channels(const Operands<T>& o, int64_t n, int64_t c, const Groups& z) {
    load_floats<N>(gamma, o.gamma + c);
    load_floats<N>(beta, o.beta + c);
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const int64_t g = n * z.G + uint32_t(c + l) / uint32_t(z.width);
      rstd[l] = o.rstd[g];
      offset[l] = -o.mean[g] * o.rstd[g];
    }
  }
};

// -> partials (N, parts, 2, C): sums of d and of d * xhat
template <int N, typename T>
EASEL_DEVICE void gradient_sums(float* partials, const Operands<T>& o, const Groups& z, float* room) {
  const Strip t = strip_of<N>(z.P, z.chunk);
  for (int64_t n = blockIdx.z; n < z.N; n += gridDim.z) {
    float s[2][N] = {};
    if (t.c < z.C) {
      const Channels<N> k(o, n, t.c, z);
      const int64_t at = n * z.P * z.C + t.c;
#pragma unroll 2
      for (int64_t p = t.from; p < t.to; p += t.table.down) {
        const Pack<T, N> dv = load<T, N>(o.dy + at + p * z.C), xv = load<T, N>(o.x + at + p * z.C);
#pragma unroll
        for (int l = 0; l < N; ++l) {
          const float xhat = to_float(xv.at[l]) * k.rstd[l] + k.offset[l];
          float d = to_float(dv.at[l]);
          if (z.silu) d *= silu_slope(xhat * k.gamma[l] + k.beta[l]);
          s[0][l] += d;
          s[1][l] += d * xhat;
        }
      }
    }
    store_partials<N>(partials + (n * z.parts + blockIdx.y) * 2 * z.C, s, t, z.C, room);
  }
}

// terms (N, G, 2): u and v below; a block for each group and picture, in double.
template <typename T>
EASEL_DEVICE void join_terms(float* terms, const float* partials, const T* gamma, const float* rstd,
                             const Groups& z, double* room) {
  for (int64_t k = blockIdx.x; k < z.N * z.G; k += gridDim.x) {
    const int c0 = int(k % z.G) * z.width, cells = z.parts * z.width;
    const float* sums = partials + k / z.G * z.parts * 2 * z.C + c0;
    double u = 0, v = 0;
    for (int j = threadIdx.x; j < cells; j += blockDim.x) {
      const int64_t part = j / z.width, c = j % z.width;
      const double scale = double(to_float(gamma[c0 + c]));
      u += scale * double(sums[part * 2 * z.C + c]);
      v += scale * double(sums[(part * 2 + 1) * z.C + c]);
    }
    u = block_sum(u, room);
    v = block_sum(v, room);
    const double scale = double(rstd[k]) / (double(z.P) * z.width);
    if (threadIdx.x == 0) {
      terms[2 * k] = float(u * scale);
      terms[2 * k + 1] = float(v * scale);
    }
  }
}

// dx = rstd (d gamma - mean(d gamma) - xhat mean(d gamma xhat)), as d * rstd gamma - (xhat * v + u)
template <int N, typename T>
EASEL_DEVICE void gradient(T* __restrict__ dx, const Operands<T>& o, const float* terms,
                           const T* __restrict__ residual, const Groups& z) {
  const Strip t = strip_of<N>(z.P, z.chunk);
  if (t.c >= z.C) return;
  for (int64_t n = blockIdx.z; n < z.N; n += gridDim.z) {
    const Channels<N> k(o, n, t.c, z);
    float u[N], v[N];
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const int64_t g = n * z.G + uint32_t(t.c + l) / uint32_t(z.width);
      u[l] = terms[2 * g];
      v[l] = terms[2 * g + 1];
    }
    const int64_t at = n * z.P * z.C + t.c;
    for (int64_t p = t.from; p < t.to; p += t.table.down) {
      Pack<T, N> dv = load<T, N>(o.dy + at + p * z.C);
      const Pack<T, N> xv = load<T, N>(o.x + at + p * z.C);
      Pack<T, N> more{};
      if (residual) more = load<T, N>(residual + at + p * z.C);
#pragma unroll
      for (int l = 0; l < N; ++l) {
        const float xhat = to_float(xv.at[l]) * k.rstd[l] + k.offset[l];
        float d = to_float(dv.at[l]);
        if (z.silu) d *= silu_slope(xhat * k.gamma[l] + k.beta[l]);
        dv.at[l] = from_float<T>(d * k.gamma[l] * k.rstd[l] - (xhat * v[l] + u[l]) + to_float(more.at[l]));
      }
      store(dx + at + p * z.C, dv);
    }
  }
}

#define GROUP_NORM_BACKWARD(T, NAME)                                                                        \
  EASEL_KERNEL(kNormThreads, group_norm_backward_sums_##NAME,                                               \
               (float* partials, const T* dy, const T* x, const T* gamma, const T* beta, const float* mean, \
                const float* rstd, Groups z)) {                                                             \
    EASEL_SHARED(float, room);                                                                              \
    const Operands<T> o{dy, x, gamma, beta, mean, rstd};                                                    \
    if (z.packs)                                                                                            \
      gradient_sums<kPack<T>>(partials, o, z, room);                                                        \
    else                                                                                                    \
      gradient_sums<1>(partials, o, z, room);                                                               \
  }                                                                                                         \
  EASEL_KERNEL(kNormThreads, group_norm_backward_terms_##NAME,                                              \
               (float* terms, const float* partials, const T* gamma, const float* rstd, Groups z)) {        \
    EASEL_SHARED(double, room);                                                                             \
    join_terms(terms, partials, gamma, rstd, z, room);                                                      \
  }                                                                                                         \
  EASEL_KERNEL(kNormThreads, group_norm_backward_##NAME,                                                    \
               (T * dx, const T* dy, const T* x, const T* gamma, const T* beta, const float* mean,          \
                const float* rstd, const float* terms, const T* residual, Groups z)) {                      \
    const Operands<T> o{dy, x, gamma, beta, mean, rstd};                                                    \
    if (z.packs)                                                                                            \
      gradient<kPack<T>>(dx, o, terms, residual, z);                                                        \
    else                                                                                                    \
      gradient<1>(dx, o, terms, residual, z);                                                               \
  }                                                                                                         \
  EASEL_KERNEL(kNormThreads, group_norm_backward_params_##NAME,                                             \
               (T * dgamma, T * dbeta, const float* partials, int64_t rows, int64_t C)) {                   \
    EASEL_SHARED(float, room);                                                                              \
    join_parameters(dgamma, dbeta, partials, rows, C, room);                                                \
  }
EASEL_FLOATS(GROUP_NORM_BACKWARD)

}  // namespace easel
