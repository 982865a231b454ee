// attention's gradient for f16 and bf16 (arXiv 2307.08691): weights are computed again from q, k and lse,
// tile by tile. Compute-bound. One kernel owns query rows and adds up dq, another owns keys and adds up dk
// and dv, so every sum has one owner and one order; that costs seven products in place of five, but no
// atomics and no f32 copy of dq.
//
//              D        rows a block  tile  shared memory   registers that carry state
//   dq         32..80        64        64   20..44 KiB      2 operands + sums + 2 x 32 scores: 96..184
//              128, 160      64        32   34, 42 KiB      160, 192
//   dk, dv     32..80        64        64   21..45 KiB      2 operands + 2 sums + 64: 112..184
//              128, 160      32        32   34, 42 KiB      2 sums + 32: 160, 192; operands stay in shared
//              memory
#include "flash.cuh"

namespace easel {

template <typename T, int D, int KEYS>
EASEL_DEVICE void attention_dq(T* shared, T* dq, const T* dy, const T* q, const T* k, const T* v,
                               const float* lse, const float* delta, const Heads& s) {
  using Tile = HeadTile<T, D>;
  constexpr int kRows = 64, kTile = KEYS * Tile::kStride;
  static_assert(2 * kRows <= 4 * KEYS, "q and dy pass through the room of keys and values");
  const int warp = int(threadIdx.x) / 32, lane = lane_id(), head = int(blockIdx.y) % s.heads;
  const int64_t batch = int(blockIdx.y) / s.heads, first = int64_t(blockIdx.x) * kRows,
                column = head * s.width;
  const int64_t q_head = batch * s.queries * s.row + column;
  k += batch * s.keys * s.row + column;
  v += batch * s.keys * s.row + column;

  Tile::template load<kRows, 128>(shared, q + q_head, s, first, s.queries);
  Tile::template load<kRows, 128>(shared + kRows * Tile::kStride, dy + q_head, s, first, s.queries);
  cp_async_commit();
  cp_async_wait<0>();
  syncthreads();
  uint32_t fq[D / 16][4], fdy[D / 16][4];
#pragma unroll
  for (int d = 0; d < D / 16; ++d) {
    Tile::a(fq[d], shared, warp * 16, d * 16);
    Tile::a(fdy[d], shared, kRows + warp * 16, d * 16);
  }
  syncthreads();

  float norm[2], slope[2];  // of this lane's two rows
  int64_t row[2], seen[2];  // seen: keys that a row sees
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    row[h] = first + warp * 16 + lane / 4 + h * 8;
    const int64_t at = int64_t(blockIdx.y) * s.queries + row[h];
    norm[h] = row[h] < s.queries ? lse[at] * kLog2E : 0;
    slope[h] = row[h] < s.queries ? delta[at] : 0;
    seen[h] = s.causal && row[h] < s.keys ? row[h] + 1 : s.keys;
  }
  const auto load = [&](int block) {
    T* to = shared + block % 2 * 2 * kTile;
    Tile::template load<KEYS, 128>(to, k, s, int64_t(block) * KEYS, s.keys);
    Tile::template load<KEYS, 128>(to + kTile, v, s, int64_t(block) * KEYS, s.keys);
  };
  const int64_t last = first + kRows < s.queries ? first + kRows : s.queries;
  const int64_t visible = s.causal && last < s.keys ? last : s.keys;
  const int blocks = int((visible + KEYS - 1) / KEYS);
  const float scale = s.scale * kLog2E;
  float sums[D / 8][4] = {};
  load(0);
  cp_async_commit();
#pragma unroll 1
  for (int block = 0; block < blocks; ++block) {
    cp_async_wait<0>();
    syncthreads();
    if (block + 1 < blocks) load(block + 1);
    cp_async_commit();
    const T* keys = shared + block % 2 * 2 * kTile;
    float scores[KEYS / 8][4] = {}, dweights[KEYS / 8][4] = {};
    times_transposed<T, D, KEYS>(scores, fq, keys);
    times_transposed<T, D, KEYS>(dweights, fdy, keys + kTile);
    int end[2];  // of what is seen, counted from this lane's first key
#pragma unroll
    for (int h = 0; h < 2; ++h) end[h] = int(seen[h] - int64_t(block) * KEYS) - lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < KEYS / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const bool sees = n * 8 + e % 2 < end[e / 2];
        const float weight = sees ? fast_exp2(fmaf(scores[n][e], scale, -norm[e / 2])) : 0;
        scores[n][e] = s.scale * weight * (dweights[n][e] - slope[e / 2]);
      }
    times<T, D, KEYS>(sums, scores, keys);
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if (row[h] >= s.queries) continue;
    T* to = dq + q_head + row[h] * s.row;
#pragma unroll
    for (int n = 0; n < D / 8; ++n)
      store_pair(to, n * 8 + lane % 4 * 2, s, sums[n][h * 2], sums[n][h * 2 + 1]);
  }
}

#define ATTENTION_DQ(T, DTYPE, D, KEYS)                                                    \
  EASEL_KERNEL(128, attention_dq_##D##_##DTYPE,                                            \
               (T * dq, const T* dy, const T* q, const T* k, const T* v, const float* lse, \
                const float* delta, Heads s)) {                                            \
    EASEL_SHARED(T, shared);                                                               \
    attention_dq<T, D, KEYS>(shared, dq, dy, q, k, v, lse, delta, s);                      \
  }
#define ATTENTION_DQ_WIDTHS(T, DTYPE) \
  ATTENTION_DQ(T, DTYPE, 32, 64)      \
  ATTENTION_DQ(T, DTYPE, 48, 64)      \
  ATTENTION_DQ(T, DTYPE, 64, 64)      \
  ATTENTION_DQ(T, DTYPE, 80, 64)      \
  ATTENTION_DQ(T, DTYPE, 128, 32)     \
  ATTENTION_DQ(T, DTYPE, 160, 32)
ATTENTION_DQ_WIDTHS(f16, f16)
ATTENTION_DQ_WIDTHS(bf16, bf16)

}  // namespace easel
