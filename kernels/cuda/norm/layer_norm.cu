// layerNorm(x (M, C), gamma, beta) -> y, mean, rstd (M), and dx. Memory-bound: a warp holds a row in
// registers, so it is read once and its statistics take two exact passes; rows too long or unaligned are read
// again, from the caches.
#include "norm.cuh"

namespace easel {

constexpr int kHeld = 40;  // elements of a row that a thread holds: a warp has 1280 channels

// A warp's row in packs, dealt out to its lanes.
template <typename T>
struct Row {
  static constexpr int N = kPack<T>, packs = kHeld / N;
  Pack<T, N> v[packs];

  EASEL_DEVICE static bool fits(int64_t C) { return C <= kHeld * 32 && C % N == 0; }
  EASEL_DEVICE static int channel(int pack) { return (pack * 32 + lane_id()) * N; }
  EASEL_DEVICE Row(const T* x, int64_t C) {
#pragma unroll
    for (int h = 0; h < packs; ++h)
      if (channel(h) < C) v[h] = load<T, N>(x + channel(h));
  }
};

// f(h, c) for the packs that exist: pack h is at channel c.
template <typename T, typename F>
EASEL_DEVICE void each_pack_of_row(int64_t C, F f) {
#pragma unroll
  for (int h = 0; h < Row<T>::packs; ++h)
    if (Row<T>::channel(h) < C) f(h, Row<T>::channel(h));
}

template <typename T>
EASEL_DEVICE void forward_held(T* y, float& mean, float& rstd, const T* x, const T* gamma, const T* beta,
                               int64_t C, float eps) {
  constexpr int N = kPack<T>;
  const Row<T> row(x, C);
  float s = 0, q = 0;
  each_pack_of_row<T>(C, [&](int h, int) { s += lane_sum(row.v[h]); });
  mean = warp_sum(s) / float(C);
  each_pack_of_row<T>(C, [&](int h, int) {
#pragma unroll
    for (int l = 0; l < N; ++l) q += (to_float(row.v[h].at[l]) - mean) * (to_float(row.v[h].at[l]) - mean);
  });
  rstd = 1.0f / sqrtf(warp_sum(q) / float(C) + eps);
  each_pack_of_row<T>(C, [&](int h, int c) {
    const Pack<T, N> g = load<T, N>(gamma + c), b = load<T, N>(beta + c);
    Pack<T, N> r;
#pragma unroll
    for (int l = 0; l < N; ++l)
      r.at[l] =
          from_float<T>((to_float(row.v[h].at[l]) - mean) * rstd * to_float(g.at[l]) + to_float(b.at[l]));
    store(y + c, r);
  });
}

template <typename T>
EASEL_DEVICE void forward_any(T* y, float& mean, float& rstd, const T* x, const T* gamma, const T* beta,
                              int64_t C, float eps) {
  float s = 0, q = 0;
  for (int64_t c = lane_id(); c < C; c += 32) s += to_float(x[c]);
  mean = warp_sum(s) / float(C);
  for (int64_t c = lane_id(); c < C; c += 32) q += (to_float(x[c]) - mean) * (to_float(x[c]) - mean);
  rstd = 1.0f / sqrtf(warp_sum(q) / float(C) + eps);
  for (int64_t c = lane_id(); c < C; c += 32)
    y[c] = from_float<T>((to_float(x[c]) - mean) * rstd * to_float(gamma[c]) + to_float(beta[c]));
}

template <typename T>
EASEL_DEVICE void layer_norm(T* __restrict__ y, float* __restrict__ mean, float* __restrict__ rstd,
                             const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ beta,
                             int64_t M, int64_t C, float eps) {
  const bool held = Row<T>::fits(C) && aligned(y, x, gamma, beta);
  const int64_t warps = int64_t(gridDim.x) * (blockDim.x / 32);
  for (int64_t m = int64_t(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; m < M; m += warps) {
    float average, root;
    if (held)
      forward_held(y + m * C, average, root, x + m * C, gamma, beta, C, eps);
    else
      forward_any(y + m * C, average, root, x + m * C, gamma, beta, C, eps);
    if (lane_id() == 0) {
      mean[m] = average;
      rstd[m] = root;
    }
  }
}

// One element of dx = rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma.
template <typename T>
struct Gradient {
  float mean, rstd;
  float s = 0, t = 0;  // the sums of g and g xhat, then their means

  EASEL_DEVICE void add(T dy, T x, T gamma) {
    const float g = to_float(dy) * to_float(gamma);
    s += g;
    t += g * (to_float(x) - mean) * rstd;
  }
  EASEL_DEVICE void finish(int64_t C) {
    s = warp_sum(s) / float(C);
    t = warp_sum(t) / float(C);
  }
  EASEL_DEVICE T result(T dy, T x, T gamma, T residual) const {
    const float g = to_float(dy) * to_float(gamma), xhat = (to_float(x) - mean) * rstd;
    return from_float<T>(rstd * (g - s - xhat * t) + to_float(residual));
  }
};

template <typename T>
EASEL_DEVICE void backward_held(T* dx, const T* dy, const T* x, const T* gamma, const T* residual,
                                Gradient<T> k, int64_t C) {
  constexpr int N = kPack<T>;
  const Row<T> d(dy, C), v(x, C);
  each_pack_of_row<T>(C, [&](int h, int c) {
    const Pack<T, N> g = load<T, N>(gamma + c);
#pragma unroll
    for (int l = 0; l < N; ++l) k.add(d.v[h].at[l], v.v[h].at[l], g.at[l]);
  });
  k.finish(C);
  each_pack_of_row<T>(C, [&](int h, int c) {
    const Pack<T, N> g = load<T, N>(gamma + c);
    Pack<T, N> r{};
    if (residual) r = load<T, N>(residual + c);
#pragma unroll
    for (int l = 0; l < N; ++l) r.at[l] = k.result(d.v[h].at[l], v.v[h].at[l], g.at[l], r.at[l]);
    store(dx + c, r);
  });
}

template <typename T>
EASEL_DEVICE void layer_norm_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                                      const T* __restrict__ gamma, const float* __restrict__ mean,
                                      const float* __restrict__ rstd, const T* __restrict__ residual,
                                      int64_t M, int64_t C) {
  const bool held = Row<T>::fits(C) && aligned(dx, dy, x, gamma, residual);
  const int64_t warps = int64_t(gridDim.x) * (blockDim.x / 32);
  for (int64_t m = int64_t(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; m < M; m += warps) {
    Gradient<T> k{mean[m], rstd[m]};
    const T *d = dy + m * C, *v = x + m * C, *more = residual ? residual + m * C : nullptr;
    if (held) {
      backward_held(dx + m * C, d, v, gamma, more, k, C);
      continue;
    }
    for (int64_t c = lane_id(); c < C; c += 32) k.add(d[c], v[c], gamma[c]);
    k.finish(C);
    for (int64_t c = lane_id(); c < C; c += 32)
      dx[m * C + c] = k.result(d[c], v[c], gamma[c], more ? more[c] : from_float<T>(0));
  }
}

#define LAYER_NORM(T, NAME)                                                                            \
  EASEL_KERNEL(kNormThreads, layer_norm_##NAME,                                                        \
               (T * y, float* mean, float* rstd, const T* x, const T* gamma, const T* beta, int64_t M, \
                int64_t C, float eps)) {                                                               \
    layer_norm(y, mean, rstd, x, gamma, beta, M, C, eps);                                              \
  }                                                                                                    \
  EASEL_KERNEL(kNormThreads, layer_norm_backward_##NAME,                                               \
               (T * dx, const T* dy, const T* x, const T* gamma, const float* mean, const float* rstd, \
                const T* residual, int64_t M, int64_t C)) {                                            \
    layer_norm_backward(dx, dy, x, gamma, mean, rstd, residual, M, C);                                 \
  }
EASEL_FLOATS(LAYER_NORM)

}  // namespace easel
