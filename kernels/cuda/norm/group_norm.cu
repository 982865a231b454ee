// groupNorm(x (N, P, C), gamma, beta) -> y, mean, rstd (N, G). Memory-bound: one pass for statistics, one to
// normalise. Channels-last: a thread owns a pack of channels and runs along the pixels; groups, whose width
// rarely divides into packs, are joined afterwards from float sums a channel. Small groups take one launch
// and one read.
#include "norm.cuh"

namespace easel {

// -> partials (N, parts, 2, C): sums of x - shift and (x - shift)^2. The shift (the picture's first pixel)
// keeps the variance exact where the mean is large.
template <int N, typename T>
EASEL_DEVICE void channel_sums(float* __restrict__ partials, const T* __restrict__ x, const Groups& z,
                               float* room) {
  const Strip t = strip_of<N>(z.P, z.chunk);
  for (int64_t n = blockIdx.z; n < z.N; n += gridDim.z) {
    const T* column = x + n * z.P * z.C + t.c;
    float s[2][N] = {}, shift[N] = {};
    if (t.c < z.C) {
      load_floats<N>(shift, column);
#pragma unroll 4
      for (int64_t p = t.from; p < t.to; p += t.table.down) {
        const Pack<T, N> v = load<T, N>(column + p * z.C);
#pragma unroll
        for (int l = 0; l < N; ++l) {
          const float d = to_float(v.at[l]) - shift[l];
          s[0][l] += d;
          s[1][l] += d * d;
        }
      }
    }
    store_partials<N>(partials + (n * z.parts + blockIdx.y) * 2 * z.C, s, t, z.C, room);
  }
}

// A block for each group and picture. In double: few numbers, and the sums of squares cancel.
template <typename T>
EASEL_DEVICE void join_statistics(float* __restrict__ mean, float* __restrict__ rstd,
                                  const float* __restrict__ partials, const T* __restrict__ x,
                                  const Groups& z, double* room) {
  for (int64_t k = blockIdx.x; k < z.N * z.G; k += gridDim.x) {
    const int64_t n = k / z.G;
    const int c0 = int(k % z.G) * z.width, cells = z.parts * z.width;
    const T* shift = x + n * z.P * z.C + c0;
    const float* sums = partials + n * z.parts * 2 * z.C + c0;
    double s = 0;
    for (int j = threadIdx.x; j < cells; j += blockDim.x)
      s += double(sums[int64_t(j / z.width) * 2 * z.C + j % z.width]);
    for (int c = threadIdx.x; c < z.width; c += blockDim.x) s += double(z.P) * double(to_float(shift[c]));
    const double count = double(z.P) * z.width, average = block_sum(s, room) / count;
    double q = 0;  // of x - average, which is (x - shift) - off
    for (int j = threadIdx.x; j < cells; j += blockDim.x) {
      const int64_t part = j / z.width, c = j % z.width, from = part * z.chunk;
      const double pixels = double(from + z.chunk < z.P ? z.chunk : z.P - from);
      const double off = average - double(to_float(shift[c])), own = double(sums[part * 2 * z.C + c]);
      q += double(sums[(part * 2 + 1) * z.C + c]) - 2.0 * off * own + pixels * off * off;
    }
    q = block_sum(q, room);
    if (threadIdx.x == 0) {
      mean[k] = float(average);
      rstd[k] = float(1.0 / sqrt((q > 0.0 ? q : 0.0) / count + double(z.eps)));
    }
  }
}

template <int N, typename T>
EASEL_DEVICE void normalise(T* __restrict__ y, const T* __restrict__ x, const T* __restrict__ gamma,
                            const T* __restrict__ beta, const float* __restrict__ mean,
                            const float* __restrict__ rstd, const Groups& z) {
  const Strip t = strip_of<N>(z.P, z.chunk);
  if (t.c >= z.C) return;
  for (int64_t n = blockIdx.z; n < z.N; n += gridDim.z) {
    float scale[N], shift[N];
    load_floats<N>(scale, gamma + t.c);
    load_floats<N>(shift, beta + t.c);
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const int64_t g = n * z.G + uint32_t(t.c + l) / uint32_t(z.width);
      scale[l] *= rstd[g];
      shift[l] -= mean[g] * scale[l];
    }
    const int64_t at = n * z.P * z.C + t.c;
#pragma unroll 2
    for (int64_t p = t.from; p < t.to; p += t.table.down) {
      Pack<T, N> v = load<T, N>(x + at + p * z.C);
#pragma unroll
      for (int l = 0; l < N; ++l) {
        const float r = to_float(v.at[l]) * scale[l] + shift[l];
        v.at[l] = from_float<T>(z.silu ? silu(r) : r);
      }
      store(y + at + p * z.C, v);
    }
  }
}

// A block for each group and picture: the group stays in shared memory, so its statistics take two exact
// passes. Every thread reads back what it put there itself.
template <int N, typename T>
EASEL_DEVICE void small_groups(T* __restrict__ y, float* __restrict__ mean, float* __restrict__ rstd,
                               const T* __restrict__ x, const T* __restrict__ gamma,
                               const T* __restrict__ beta, const Groups& z, float* room) {
  float* held = room + 32;
  const int across = z.width / N, packs = int(z.P) * across;
  const float count = float(z.P * z.width);
  for (int64_t k = blockIdx.x; k < z.N * z.G; k += gridDim.x) {
    const int c0 = int(k % z.G) * z.width;
    const int64_t at = k / z.G * z.P * z.C + c0;
    float s = 0;
    for (int j = threadIdx.x; j < packs; j += blockDim.x) {
      const Pack<T, N> v = load<T, N>(x + at + int64_t(j / across) * z.C + j % across * N);
#pragma unroll
      for (int l = 0; l < N; ++l) held[j * N + l] = to_float(v.at[l]);
      s += lane_sum(v);
    }
    const float average = block_sum(s, room) / count;
    float q = 0;
    for (int j = threadIdx.x; j < packs; j += blockDim.x)
#pragma unroll
      for (int l = 0; l < N; ++l) q += (held[j * N + l] - average) * (held[j * N + l] - average);
    const float root = 1.0f / sqrtf(block_sum(q, room) / count + z.eps);
    for (int j = threadIdx.x; j < packs; j += blockDim.x) {
      const int c = j % across * N;
      const Pack<T, N> g = load<T, N>(gamma + c0 + c), b = load<T, N>(beta + c0 + c);
      Pack<T, N> v;
#pragma unroll
      for (int l = 0; l < N; ++l) {
        const float r = (held[j * N + l] - average) * root * to_float(g.at[l]) + to_float(b.at[l]);
        v.at[l] = from_float<T>(z.silu ? silu(r) : r);
      }
      store(y + at + int64_t(j / across) * z.C + c, v);
    }
    if (threadIdx.x == 0) {
      mean[k] = average;
      rstd[k] = root;
    }
  }
}

#define GROUP_NORM(T, NAME)                                                                                 \
  EASEL_KERNEL(kNormThreads, group_norm_sums_##NAME, (float* partials, const T* x, Groups z)) {             \
    EASEL_SHARED(float, room);                                                                              \
    if (z.packs)                                                                                            \
      channel_sums<kPack<T>>(partials, x, z, room);                                                         \
    else                                                                                                    \
      channel_sums<1>(partials, x, z, room);                                                                \
  }                                                                                                         \
  EASEL_KERNEL(kNormThreads, group_norm_statistics_##NAME,                                                  \
               (float* mean, float* rstd, const float* partials, const T* x, Groups z)) {                   \
    EASEL_SHARED(double, room);                                                                             \
    join_statistics(mean, rstd, partials, x, z, room);                                                      \
  }                                                                                                         \
  EASEL_KERNEL(                                                                                             \
      kNormThreads, group_norm_##NAME,                                                                      \
      (T * y, const T* x, const T* gamma, const T* beta, const float* mean, const float* rstd, Groups z)) { \
    if (z.packs)                                                                                            \
      normalise<kPack<T>>(y, x, gamma, beta, mean, rstd, z);                                                \
    else                                                                                                    \
      normalise<1>(y, x, gamma, beta, mean, rstd, z);                                                       \
  }                                                                                                         \
  EASEL_KERNEL(kNormThreads, group_norm_small_##NAME,                                                       \
               (T * y, float* mean, float* rstd, const T* x, const T* gamma, const T* beta, Groups z)) {    \
    EASEL_SHARED(float, room);                                                                              \
    if (z.packs && z.width % kPack<T> == 0)                                                                 \
      small_groups<kPack<T>>(y, mean, rstd, x, gamma, beta, z, room);                                       \
    else                                                                                                    \
      small_groups<1>(y, mean, rstd, x, gamma, beta, z, room);                                              \
  }
EASEL_FLOATS(GROUP_NORM)

}  // namespace easel
