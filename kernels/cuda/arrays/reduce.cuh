// Sums over threads in an order that depends on nothing but the block's shape, so that results repeat bit for
// bit.
#pragma once
#include "packs.cuh"

namespace easel {

// In double, for the few numbers that a second pass sums; as block_sum of device.cuh. room: 32 doubles.
EASEL_DEVICE double block_sum(double x, double* room) {
  for (int distance = 16; distance > 0; distance >>= 1) x += shuffle_xor(x, distance);
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  syncthreads();
  x = threadIdx.x % 32 < blockDim.x / 32 ? room[threadIdx.x % 32] : 0.0;
  for (int distance = 16; distance > 0; distance >>= 1) x += shuffle_xor(x, distance);
  syncthreads();
  return x;
}

// A block as a table: `across` threads side by side along the columns of a matrix, the others along its rows.
// Both counts are powers of two.
struct Table {
  int across, down, column, row;
};
EASEL_DEVICE Table table(int across) {
  return {across, int(blockDim.x) / across, int(threadIdx.x) % across, int(threadIdx.x) / across};
}

// K sums for each of a thread's N columns, over the rows of the table; threads of row 0 get them. room: K * N
// floats a thread. Ends with a barrier.
template <int K, int N>
EASEL_DEVICE void column_sum(float (&s)[K][N], const Table& t, float* room) {
  float* own = room + threadIdx.x;
#pragma unroll
  for (int k = 0; k < K * N; ++k) own[k * blockDim.x] = s[k / N][k % N];
  for (int half = t.down / 2; half > 0; half /= 2) {
    syncthreads();
    if (t.row < half) {
#pragma unroll
      for (int k = 0; k < K * N; ++k) own[k * blockDim.x] += own[k * blockDim.x + half * t.across];
    }
  }
#pragma unroll
  for (int k = 0; k < K * N; ++k) s[k / N][k % N] = own[k * blockDim.x];  // written by this very thread
  syncthreads();
}

// The sum of a pack's lanes, in pairs.
template <typename T, int N>
EASEL_DEVICE float lane_sum(const Pack<T, N>& v) {
  float s[N];
#pragma unroll
  for (int l = 0; l < N; ++l) s[l] = to_float(v.at[l]);
#pragma unroll
  for (int half = N / 2; half > 0; half /= 2)
#pragma unroll
    for (int l = 0; l < half; ++l) s[l] += s[l + half];
  return s[0];
}

}  // namespace easel
