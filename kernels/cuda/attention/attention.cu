// attention forward for f16 and bf16: one pass over keys and values, softmax rescaled as larger scores turn
// up, so scores never reach memory. Compute-bound. For 128 rows, 64 keys and D = 64 an H100 multiplies for
// 512 clocks, reads tiles from shared memory for 512 and takes exponentials (16 a clock) for 512; the second
// block of the multiprocessor is there to overlap the three.
//
//   D        rows a block  keys a tile  shared memory   registers that carry state (q, sums, scores)
//   32..64       128           64       20, 28, 36 KiB  16+32+64 .. 32+64+64
//   80           128           64       44 KiB          40+80+64
//   128, 160      64           32       34, 42 KiB      32+64+16, 40+80+16
// Four warps; two tiles of keys and values, one multiplied while the next arrives.
#include "flash.cuh"

namespace easel {

// MT: 16-row fragments a warp; KEYS: of a tile.
template <typename T, int D, int MT, int KEYS>
EASEL_DEVICE void attention(T* shared, T* out, float* lse, const T* q, const T* k, const T* v,
                            const Heads& s) {
  using Tile = HeadTile<T, D>;
  constexpr int kRows = 64 * MT, kTile = KEYS * Tile::kStride;
  static_assert(kRows <= 4 * KEYS, "the queries pass through the room of keys and values");
  const int warp = int(threadIdx.x) / 32, lane = lane_id(), head = int(blockIdx.y) % s.heads;
  const int64_t batch = int(blockIdx.y) / s.heads, first = int64_t(blockIdx.x) * kRows,
                column = head * s.width;
  k += batch * s.keys * s.row + column;
  v += batch * s.keys * s.row + column;

  Tile::template load<kRows, 128>(shared, q + batch * s.queries * s.row + column, s, first, s.queries);
  cp_async_commit();
  cp_async_wait<0>();
  syncthreads();
  uint32_t fq[MT][D / 16][4];
#pragma unroll
  for (int m = 0; m < MT; ++m)
#pragma unroll
    for (int d = 0; d < D / 16; ++d) Tile::a(fq[m][d], shared, (warp * MT + m) * 16, d * 16);
  syncthreads();

  const auto load = [&](int block) {
    T* to = shared + block % 2 * 2 * kTile;
    Tile::template load<KEYS, 128>(to, k, s, int64_t(block) * KEYS, s.keys);
    Tile::template load<KEYS, 128>(to + kTile, v, s, int64_t(block) * KEYS, s.keys);
  };
  const int64_t last = first + kRows < s.queries ? first + kRows : s.queries;  // and its keys under causal
  const int64_t visible = s.causal && last < s.keys ? last : s.keys;
  const int blocks = int((visible + KEYS - 1) / KEYS);
  const float scale = s.scale * kLog2E;
  float sums[MT][D / 8][4] = {}, most[MT][2], total[MT][2] = {};
#pragma unroll
  for (int m = 0; m < MT; ++m) most[m][0] = most[m][1] = -INFINITY;
  load(0);
  cp_async_commit();
#pragma unroll 1
  for (int block = 0; block < blocks; ++block) {
    cp_async_wait<0>();
    syncthreads();
    if (block + 1 < blocks) load(block + 1);
    cp_async_commit();
    const T* keys = shared + block % 2 * 2 * kTile;
    const int64_t key = int64_t(block) * KEYS;
    float scores[MT][KEYS / 8][4] = {};
#pragma unroll
    for (int d = 0; d < D / 16; ++d)
#pragma unroll
      for (int n = 0; n < KEYS / 16; ++n) {
        uint32_t f0[2], f1[2];
        Tile::b_transposed(f0, f1, keys, n * 16, d * 16);
#pragma unroll
        for (int m = 0; m < MT; ++m) {
          mma<T>(scores[m][n * 2], fq[m][d], f0);
          mma<T>(scores[m][n * 2 + 1], fq[m][d], f1);
        }
      }
    const bool hides = key + KEYS > s.keys || (s.causal && key + KEYS - 1 > first);
#pragma unroll
    for (int m = 0; m < MT; ++m)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        if (hides) {
          const int64_t row = first + (warp * MT + m) * 16 + lane / 4 + h * 8;
          const int64_t end = s.causal && row + 1 < s.keys ? row + 1 : s.keys;
#pragma unroll
          for (int n = 0; n < KEYS / 8; ++n)
#pragma unroll
            for (int e = 0; e < 2; ++e)
              if (key + n * 8 + lane % 4 * 2 + e >= end) scores[m][n][h * 2 + e] = -INFINITY;
        }
        float now = most[m][h];
#pragma unroll
        for (int n = 0; n < KEYS / 8; ++n)
          now = fmaxf(now, fmaxf(scores[m][n][h * 2], scores[m][n][h * 2 + 1]));
        now = fmaxf(now, shuffle_xor(now, 1));
        now = fmaxf(now, shuffle_xor(now, 2));
        const float factor = fast_exp2((most[m][h] - now) * scale), shift = now * scale;
        most[m][h] = now;
        float sum = 0;
#pragma unroll
        for (int n = 0; n < KEYS / 8; ++n)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            float& x = scores[m][n][h * 2 + e];
            x = fast_exp2(fmaf(x, scale, -shift));
            sum += x;
          }
        total[m][h] = total[m][h] * factor + sum;
#pragma unroll
        for (int n = 0; n < D / 8; ++n) {
          sums[m][n][h * 2] *= factor;
          sums[m][n][h * 2 + 1] *= factor;
        }
      }
#pragma unroll
    for (int c = 0; c < KEYS / 16; ++c) {
      uint32_t weights[MT][4];
#pragma unroll
      for (int m = 0; m < MT; ++m) as_operand<T>(weights[m], scores[m][c * 2], scores[m][c * 2 + 1]);
#pragma unroll
      for (int n = 0; n < D / 16; ++n) {
        uint32_t f0[2], f1[2];
        Tile::b(f0, f1, keys + kTile, c * 16, n * 16);
#pragma unroll
        for (int m = 0; m < MT; ++m) {
          mma<T>(sums[m][n * 2], weights[m], f0);
          mma<T>(sums[m][n * 2 + 1], weights[m], f1);
        }
      }
    }
  }

#pragma unroll
  for (int m = 0; m < MT; ++m)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float sum = total[m][h];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const int64_t row = first + (warp * MT + m) * 16 + lane / 4 + h * 8;
      if (row >= s.queries) continue;
      if (lane % 4 == 0) lse[int64_t(blockIdx.y) * s.queries + row] = s.scale * most[m][h] + logf(sum);
      T* to = out + (batch * s.queries + row) * s.row + column;
      const float inverse = 1 / sum;
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
        store_pair(to, n * 8 + lane % 4 * 2, s, sums[m][n][h * 2] * inverse, sums[m][n][h * 2 + 1] * inverse);
    }
}

#define ATTENTION(T, DTYPE, D, MT, KEYS)                                             \
  EASEL_KERNEL(128, attention_##D##_##DTYPE,                                         \
               (T * out, float* lse, const T* q, const T* k, const T* v, Heads s)) { \
    EASEL_SHARED(T, shared);                                                         \
    attention<T, D, MT, KEYS>(shared, out, lse, q, k, v, s);                         \
  }
#define ATTENTION_WIDTHS(T, DTYPE) \
  ATTENTION(T, DTYPE, 32, 2, 64)   \
  ATTENTION(T, DTYPE, 48, 2, 64)   \
  ATTENTION(T, DTYPE, 64, 2, 64)   \
  ATTENTION(T, DTYPE, 80, 2, 64)   \
  ATTENTION(T, DTYPE, 128, 1, 32)  \
  ATTENTION(T, DTYPE, 160, 1, 32)
ATTENTION_WIDTHS(f16, f16)
ATTENTION_WIDTHS(bf16, bf16)

}  // namespace easel
