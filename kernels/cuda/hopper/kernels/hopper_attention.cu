// attention forward on Hopper: as in attention.cu, by wgmma. A warp copies queries, then keys and values as
// they are used up; two groups of four warps own 64 queries each. A group's scores of one tile are multiplied
// before its weights of the tile before, so that products are under way while it takes exponentials.
// Compute-bound: for 128 rows, 128 keys and D = 64, 1024 clocks of products and 1024 of exponentials (16 a
// clock).
//
//   D        keys a tile   a stage      registers that carry state (sums, scores, weights)
//   48, 64     128, 80     32, 20 KiB   32+64+32, 32+40+20
//   80         128, 80     40, 26 KiB   40+64+32, 40+40+20
//   128             80         40 KiB   64+40+20
//   160             80         50 KiB   80+40+20
#include "hopper_heads.cuh"

namespace easel {

// Exponentials of one tile of a group's scores, which become weights by the largest so far. factor: of what
// was added up before.
template <int KEYS>
EASEL_DEVICE void soften(float (&scores)[KEYS / 2], float (&most)[2], float (&total)[2], float (&factor)[2],
                         float scale) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float now = most[h];
#pragma unroll
    for (int n = 0; n < KEYS / 8; ++n)
      now = fmaxf(now, fmaxf(scores[n * 4 + h * 2], scores[n * 4 + h * 2 + 1]));
    now = fmaxf(now, shuffle_xor(now, 1));
    now = fmaxf(now, shuffle_xor(now, 2));
    factor[h] = fast_exp2((most[h] - now) * scale);
    const float shift = now * scale;
    most[h] = now;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < KEYS / 8; ++n)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float& x = scores[n * 4 + h * 2 + e];
        x = fast_exp2(fmaf(x, scale, -shift));
        sum += x;
      }
    total[h] = total[h] * factor[h] + sum;
  }
}

template <typename T, int D, int KEYS>
struct HopperAttention {
  using Queries = HeadBox<D, kHopperRows>;
  using Keys = HeadBox<D, KEYS>;
  enum { kKeys, kValues };
  unsigned char* tiles;  // queries, then stages of keys and values
  HeadRing* ring;
  const Heads& s;
  int head, batch, first, blocks;  // first: of its queries; blocks: tiles of keys that they see

  EASEL_DEVICE unsigned char* tile(int of, int block) const {
    return tiles + Queries::kBytes + (block % kHopperStages * 2 + of) * Keys::kBytes;
  }

  // One thread's work.
  EASEL_DEVICE void copy(const HeadMaps& q, const HeadMaps& k, const HeadMaps& v) const {
    Queries::load(tiles, q, &ring->own, first, head, batch);
#pragma unroll 1
    for (int block = 0; block < blocks; ++block) {
      ring->await_room(kKeys, block);
      Keys::load(tile(kKeys, block), k, ring->come(kKeys, block), block * KEYS, head, batch);
      ring->await_room(kValues, block);
      Keys::load(tile(kValues, block), v, ring->come(kValues, block), block * KEYS, head, batch);
    }
  }

  EASEL_DEVICE void multiply(float (&scores)[KEYS / 2], int group, int block) const {
    ring->await(kKeys, block);
    warpgroup_hold(scores);
    warpgroup_fence();
    score_heads<T, D, kHopperRows, KEYS>(scores, shared_address(tiles), group,
                                         shared_address(tile(kKeys, block)));
    warpgroup_commit();
  }
  EASEL_DEVICE void add(float (&sums)[Keys::kColumns / 2], uint32_t (&weights)[KEYS / 16][4],
                        int block) const {
    ring->await(kValues, block);
    warpgroup_hold(sums);
    warpgroup_hold(weights);
    warpgroup_fence();
    add_heads<T, D, KEYS>(sums, weights, shared_address(tile(kValues, block)));
    warpgroup_commit();
  }
  // This lane's rows are row and row + 8.
  EASEL_DEVICE void hide(float (&scores)[KEYS / 2], int group, int row, int block) const {
    const int keys = int(s.keys), key = block * KEYS;
    if (key + KEYS <= keys && !(s.causal && key + KEYS - 1 > first + group)) return;
    int hidden[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int seen = row + h * 8 + 1;
      hidden[h] = (s.causal && seen < keys ? seen : keys) - key - lane_id() % 4 * 2;
    }
    hide_from<KEYS>(scores, hidden);
  }

  EASEL_DEVICE void compute(T* out, float* lse) const {
    const int group = int(threadIdx.x) / 128 * 64;  // its first row in the block
    const int row = first + int(threadIdx.x) / 32 * 16 + lane_id() / 4;
    const float scale = s.scale * kLog2E;
    float sums[Keys::kColumns / 2] = {}, scores[KEYS / 2] = {};
    float most[2] = {-INFINITY, -INFINITY}, total[2] = {}, factor[2];
    uint32_t weights[KEYS / 16][4];
    barrier_wait(&ring->own, 0);
    multiply(scores, group, 0);
    warpgroup_wait<0>();
    warpgroup_hold(scores);
    ring->release(kKeys, 0);
    hide(scores, group, row, 0);
    soften<KEYS>(scores, most, total, factor, scale);
    as_operands<T, KEYS>(weights, scores);
#pragma unroll 1
    for (int block = 1; block < blocks; ++block) {
      multiply(scores, group, block);
      add(sums, weights, block - 1);
      warpgroup_wait<1>();
      warpgroup_hold(scores);
      ring->release(kKeys, block);
      hide(scores, group, row, block);
      soften<KEYS>(scores, most, total, factor, scale);
      warpgroup_wait<0>();
      warpgroup_hold(sums);
      warpgroup_hold(weights);
      ring->release(kValues, block - 1);
#pragma unroll
      for (int n = 0; n < Keys::kColumns / 2; ++n) sums[n] *= factor[n / 2 % 2];
      as_operands<T, KEYS>(weights, scores);
    }
    add(sums, weights, blocks - 1);
    warpgroup_wait<0>();
    warpgroup_hold(sums);
    write(out, lse, sums, most, total, row);
  }

  EASEL_DEVICE void write(T* out, float* lse, const float (&sums)[Keys::kColumns / 2], const float (&most)[2],
                          const float (&total)[2], int row) const {
    const int lane = lane_id();
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float sum = total[h];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      const int query = row + h * 8;
      if (query >= s.queries) continue;
      if (lane % 4 == 0) lse[int64_t(blockIdx.y) * s.queries + query] = s.scale * most[h] + logf(sum);
      T* to = out + (batch * s.queries + query) * s.row + head * s.width;
      const float inverse = 1 / sum;
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
        store_pair(to, n * 8 + lane % 4 * 2, s, sums[n * 4 + h * 2] * inverse,
                   sums[n * 4 + h * 2 + 1] * inverse);
    }
  }
};

template <typename T, int D, int KEYS>
EASEL_DEVICE void hopper_attention(unsigned char* shared, T* out, float* lse, const HeadMaps& q,
                                   const HeadMaps& k, const HeadMaps& v, const Heads& s) {
  unsigned char* const tiles = head_tiles(shared);
  const int first = int(blockIdx.x) * kHopperRows, queries = int(s.queries), keys = int(s.keys);
  const int last = first + kHopperRows < queries ? first + kHopperRows : queries;
  const int visible = s.causal && last < keys ? last : keys;
  const HopperAttention<T, D, KEYS> block{tiles,
                                          reinterpret_cast<HeadRing*>(tiles - 1024),
                                          s,
                                          int(blockIdx.y) % s.heads,
                                          int(blockIdx.y) / s.heads,
                                          first,
                                          (visible + KEYS - 1) / KEYS};
  if (threadIdx.x == 0) block.ring->prepare(1);
  syncthreads();
  if (threadIdx.x < 256)
    block.compute(out, lse);
  else if (threadIdx.x == 256)
    block.copy(q, k, v);
}

#define HOPPER_ATTENTION(T, D, KEYS)                                                                      \
  EASEL_KERNEL(kHopperThreads, hopper_attention_##D##_##KEYS##_##T,                                       \
               (T * out, float* lse, EASEL_HEAD_MAPS q, EASEL_HEAD_MAPS k, EASEL_HEAD_MAPS v, Heads s)) { \
    EASEL_SHARED(unsigned char, shared);                                                                  \
    hopper_attention<T, D, KEYS>(shared, out, lse, q, k, v, s);                                           \
  }
#define HOPPER_HEADS(T)        \
  HOPPER_ATTENTION(T, 48, 128) \
  HOPPER_ATTENTION(T, 48, 80)  \
  HOPPER_ATTENTION(T, 64, 128) \
  HOPPER_ATTENTION(T, 64, 80)  \
  HOPPER_ATTENTION(T, 80, 128) \
  HOPPER_ATTENTION(T, 80, 80)  \
  HOPPER_ATTENTION(T, 128, 80) \
  HOPPER_ATTENTION(T, 160, 80)
HOPPER_HEADS(f16)
HOPPER_HEADS(bf16)

}  // namespace easel
