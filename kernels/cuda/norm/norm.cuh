// What the normalisations share: tiles of channels against rows, and the second pass of their parameter
// gradients.
#pragma once
#include "../arrays/reduce.cuh"
#include "norm.h"

namespace easel {

// The thread's channels [c, c + N) and its rows from, from + table.down, .. below to.
struct Strip {
  Table table;
  int64_t c, from, to;
};
template <int N>
EASEL_DEVICE Strip strip_of(int64_t rows, int64_t chunk) {
  const Table t = table(N > 1 ? kAcrossPacks : kAcross);
  const int64_t from = blockIdx.y * chunk, to = from + chunk < rows ? from + chunk : rows;
  return {t, (int64_t(blockIdx.x) * t.across + t.column) * N, from + t.row, to};
}

// N elements of a parameter as floats.
template <int N, typename T>
EASEL_DEVICE void load_floats(float (&to)[N], const T* p) {
  const Pack<T, N> v = load<T, N>(p);
#pragma unroll
  for (int l = 0; l < N; ++l) to[l] = to_float(v.at[l]);
}

// The block's two sums a channel to `at`, its (2, C) of the partial sums. room: 2 N floats a thread.
template <int N>
EASEL_DEVICE void store_partials(float* at, float (&s)[2][N], const Strip& t, int64_t C, float* room) {
  column_sum(s, t.table, room);
  if (t.table.row || t.c >= C) return;
#pragma unroll
  for (int l = 0; l < N; ++l) {
    at[t.c + l] = s[0][l];
    at[C + t.c + l] = s[1][l];
  }
}

// partials (rows, 2, C), sums of d and of d * xhat -> dbeta and dgamma. room: 2 floats a thread.
template <typename T>
EASEL_DEVICE void join_parameters(T* dgamma, T* dbeta, const float* partials, int64_t rows, int64_t C,
                                  float* room) {
  const Table t = table(kAcross);
  for (int64_t c0 = int64_t(blockIdx.x) * kAcross; c0 < C; c0 += int64_t(gridDim.x) * kAcross) {
    const int64_t c = c0 + t.column;
    float s[2][1] = {};
    if (c < C)
      for (int64_t r = t.row; r < rows; r += t.down) {
        s[0][0] += partials[r * 2 * C + c];
        s[1][0] += partials[(r * 2 + 1) * C + c];
      }
    column_sum(s, t, room);
    if (t.row || c >= C) continue;
    dbeta[c] = from_float<T>(s[0][0]);
    dgamma[c] = from_float<T>(s[1][0]);
  }
}

}  // namespace easel
