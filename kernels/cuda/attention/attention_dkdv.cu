// The half of attention's gradient that owns keys (attention_backward.cu has the table and the other half):
// scores are computed transposed, keys by queries, so that this block's keys are the rows of every product.
// With few keys (77 of a prompt) queries are cut in parts, whose f32 sums are added in order by a second
// pass.
#include "flash.cuh"

namespace easel {

// WARPS x 16 keys a block; KEPT: their fragments stay in registers, else in shared memory, and one tile of
// queries is there at a time. `parts`: null, or room for (parts, 2, batch, keys, row) sums.
template <typename T, int D, int QUERIES, int WARPS, bool KEPT>
EASEL_DEVICE void attention_dkdv(T* shared, T* dk, T* dv, float* parts, const T* dy, const T* q, const T* k,
                                 const T* v, const float* lse, const float* delta, const Heads& s) {
  using Tile = HeadTile<T, D>;
  constexpr int kThreads = WARPS * 32, kKeys = WARPS * 16, kStages = KEPT ? 2 : 1;
  constexpr int kTile = QUERIES * Tile::kStride, kOwn = KEPT ? 0 : 2 * kKeys * Tile::kStride;
  static_assert(!KEPT || 2 * kKeys <= 4 * QUERIES, "keys and values pass through the room of q and dy");
  const int warp = int(threadIdx.x) / 32, lane = lane_id(), head = int(blockIdx.y) % s.heads;
  const int64_t batch = int(blockIdx.y) / s.heads, first = int64_t(blockIdx.x) * kKeys,
                column = head * s.width;
  const int64_t k_head = batch * s.keys * s.row + column;
  q += batch * s.queries * s.row + column;
  dy += batch * s.queries * s.row + column;
  lse += int64_t(blockIdx.y) * s.queries;
  delta += int64_t(blockIdx.y) * s.queries;
  T* const tiles = shared + kOwn;
  float* const rows =
      reinterpret_cast<float*>(tiles + kStages * 2 * kTile);  // kStages x (lse, delta) of QUERIES

  Tile::template load<kKeys, kThreads>(shared, k + k_head, s, first, s.keys);
  Tile::template load<kKeys, kThreads>(shared + kKeys * Tile::kStride, v + k_head, s, first, s.keys);
  cp_async_commit();
  cp_async_wait<0>();
  syncthreads();
  [[maybe_unused]] uint32_t fk[KEPT ? D / 16 : 1][4], fv[KEPT ? D / 16 : 1][4];
  if constexpr (KEPT) {
#pragma unroll
    for (int d = 0; d < D / 16; ++d) {
      Tile::a(fk[d], shared, warp * 16, d * 16);
      Tile::a(fv[d], shared, kKeys + warp * 16, d * 16);
    }
    syncthreads();
  }

  // This part's blocks of queries; under causal the first that see one of these keys.
  const int all = int((s.queries + QUERIES - 1) / QUERIES),
            each = (all + int(gridDim.z) - 1) / int(gridDim.z);
  const int seen = s.causal ? int(first / QUERIES) : 0,
            begin = each * int(blockIdx.z) > seen ? each * int(blockIdx.z) : seen;
  const int end = each * (int(blockIdx.z) + 1) < all ? each * (int(blockIdx.z) + 1) : all;
  const auto load = [&](int block) {
    T* to = tiles + block % kStages * 2 * kTile;
    Tile::template load<QUERIES, kThreads>(to, q, s, int64_t(block) * QUERIES, s.queries);
    Tile::template load<QUERIES, kThreads>(to + kTile, dy, s, int64_t(block) * QUERIES, s.queries);
    cp_async_commit();
  };
  // A row's lse and delta wait in registers while the tile before theirs is multiplied.
  float norm = 0, slope = 0;
  const auto fetch = [&](int block) {
    const int64_t query = int64_t(block) * QUERIES + threadIdx.x;
    const bool exists = int(threadIdx.x) < QUERIES && query < s.queries;
    norm = exists ? lse[query] * kLog2E : 0;
    slope = exists ? delta[query] : 0;
  };
  const auto put = [&](int block) {
    float* to = rows + block % kStages * 2 * QUERIES;
    if (int(threadIdx.x) < QUERIES) to[threadIdx.x] = norm, to[QUERIES + threadIdx.x] = slope;
  };
  const float scale = s.scale * kLog2E;
  float dk_sums[D / 8][4] = {}, dv_sums[D / 8][4] = {};
  if (KEPT && begin < end) {
    load(begin);
    fetch(begin);
    put(begin);
  }
#pragma unroll 1
  for (int block = begin; block < end; ++block) {
    if (!KEPT) {
      syncthreads();  // nobody reads the tile before
      load(block);
      fetch(block);
      put(block);
    }
    cp_async_wait<0>();
    syncthreads();
    if (KEPT && block + 1 < end) {
      load(block + 1);
      fetch(block + 1);
    }
    const T* queries = tiles + block % kStages * 2 * kTile;
    const float* row = rows + block % kStages * 2 * QUERIES;
    float scores[QUERIES / 8][4] = {}, dweights[QUERIES / 8][4] = {};
    if constexpr (KEPT) {
      times_transposed<T, D, QUERIES>(scores, fk, queries);
      times_transposed<T, D, QUERIES>(dweights, fv, queries + kTile);
    } else {
      times_transposed<T, D, QUERIES>(scores, shared, warp * 16, queries);
      times_transposed<T, D, QUERIES>(dweights, shared, kKeys + warp * 16, queries + kTile);
    }
    // Queries that do not exist are rows of zeros, whose weights add nothing. begins: the first query that
    // sees a key, counted from this lane's first.
    int begins[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int64_t key = first + warp * 16 + lane / 4 + h * 8;
      begins[h] = s.causal ? int(key - int64_t(block) * QUERIES) - lane % 4 * 2 : 0;
    }
#pragma unroll
    for (int n = 0; n < QUERIES / 8; ++n)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int at = n * 8 + lane % 4 * 2 + e % 2;
        const bool sees = n * 8 + e % 2 >= begins[e / 2];
        const float weight = sees ? fast_exp2(fmaf(scores[n][e], scale, -row[at])) : 0;
        scores[n][e] = weight;
        dweights[n][e] = s.scale * weight * (dweights[n][e] - row[QUERIES + at]);
      }
    times<T, D, QUERIES>(dv_sums, scores, queries + kTile);
    times<T, D, QUERIES>(dk_sums, dweights, queries);
    if (KEPT && block + 1 < end) put(block + 1);
  }

#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int64_t key = first + warp * 16 + lane / 4 + h * 8;
    if (key >= s.keys) continue;
    const int64_t at = k_head + key * s.row;
    float* part = nullptr;
    const int64_t one = s.row * s.keys * (int64_t(gridDim.y) / s.heads);  // elements of dk
    if (parts) part = parts + int64_t(blockIdx.z) * one + at;
#pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      const int c = n * 8 + lane % 4 * 2;
      if (part) {
        for (int e = 0; e < 2; ++e)
          if (c + e < s.width) {
            part[c + e] = dk_sums[n][h * 2 + e];
            part[int64_t(gridDim.z) * one + c + e] = dv_sums[n][h * 2 + e];
          }
      } else {
        store_pair(dk + at, c, s, dk_sums[n][h * 2], dk_sums[n][h * 2 + 1]);
        store_pair(dv + at, c, s, dv_sums[n][h * 2], dv_sums[n][h * 2 + 1]);
      }
    }
  }
}

#define ATTENTION_DKDV(T, DTYPE, D, QUERIES, WARPS, KEPT)                                          \
  EASEL_KERNEL(WARPS * 32, attention_dkdv_##D##_##DTYPE,                                           \
               (T * dk, T * dv, float* parts, const T* dy, const T* q, const T* k, const T* v,     \
                const float* lse, const float* delta, Heads s)) {                                  \
    EASEL_SHARED(T, shared);                                                                       \
    attention_dkdv<T, D, QUERIES, WARPS, KEPT>(shared, dk, dv, parts, dy, q, k, v, lse, delta, s); \
  }
#define ATTENTION_DKDV_WIDTHS(T, DTYPE)       \
  ATTENTION_DKDV(T, DTYPE, 32, 64, 4, true)   \
  ATTENTION_DKDV(T, DTYPE, 48, 64, 4, true)   \
  ATTENTION_DKDV(T, DTYPE, 64, 64, 4, true)   \
  ATTENTION_DKDV(T, DTYPE, 80, 64, 4, true)   \
  ATTENTION_DKDV(T, DTYPE, 128, 32, 2, false) \
  ATTENTION_DKDV(T, DTYPE, 160, 32, 2, false)
ATTENTION_DKDV_WIDTHS(f16, f16)
ATTENTION_DKDV_WIDTHS(bf16, bf16)

}  // namespace easel
