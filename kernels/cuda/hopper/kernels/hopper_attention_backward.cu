// attention's gradient by the queries on Hopper, for heads up to 80 wide: as in attention_backward.cu, by
// wgmma. Compute-bound. Blocks of 128 queries, tiles of 80 keys; registers that carry state: D/2 of sums,
// 40+40 of scores and their gradients, 20 of the operand.
#include "hopper_gradient.cuh"

namespace easel {

template <typename T, int D, int KEYS>
struct HopperDq : GradientTiles<D, KEYS> {
  using Base = GradientTiles<D, KEYS>;
  using Base::batch, Base::first, Base::head, Base::ring, Base::tile;
  static constexpr int kColumns = Base::Box::kColumns;
  const Heads& s;
  int blocks;  // tiles of keys that its queries see

  EASEL_DEVICE HopperDq(const Base& base, const Heads& heads, int count)
      : Base(base), s(heads), blocks(count) {}

  EASEL_DEVICE void copy(const HeadMaps& dy, const HeadMaps& q, const HeadMaps& k, const HeadMaps& v) const {
    this->load_own(q, dy);
#pragma unroll 1
    for (int block = 0; block < blocks; ++block) {
      ring->await_room(kFirst, block);
      Base::Box::load(tile(kFirst, block), k, ring->come(kFirst, block), block * KEYS, head, batch);
      ring->await_room(kSecond, block);
      Base::Box::load(tile(kSecond, block), v, ring->come(kSecond, block), block * KEYS, head, batch);
    }
  }

  // From scores and dweights, the scores' gradient as an operand.
  EASEL_DEVICE void differentiate(float (&scores)[KEYS / 2], const float (&dweights)[KEYS / 2],
                                  const float (&norm)[2], const float (&slope)[2], int row, int group,
                                  int block) const {
    const int keys = int(s.keys), key = block * KEYS;
    if (key + KEYS > keys || (s.causal && key + KEYS - 1 > first + group)) {
      int hidden[2];
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int seen = row + h * 8 + 1;
        hidden[h] = (s.causal && seen < keys ? seen : keys) - key - lane_id() % 4 * 2;
      }
      hide_from<KEYS>(scores, hidden);
    }
    const float scale = s.scale * kLog2E;
#pragma unroll
    for (int n = 0; n < KEYS / 2; ++n) {
      const float weight = fast_exp2(fmaf(scores[n], scale, -norm[n / 2 % 2]));
      scores[n] = s.scale * weight * (dweights[n] - slope[n / 2 % 2]);
    }
  }

  EASEL_DEVICE void compute(T* dq, const float* lse, const float* delta) const {
    const int group = int(threadIdx.x) / 128 * 64;
    const int row = first + int(threadIdx.x) / 32 * 16 + lane_id() / 4;
    float norm[2], slope[2];  // of this lane's two rows
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int64_t at = int64_t(blockIdx.y) * s.queries + row + h * 8;
      norm[h] = row + h * 8 < s.queries ? lse[at] * kLog2E : 0;
      slope[h] = row + h * 8 < s.queries ? delta[at] : 0;
    }
    float sums[kColumns / 2] = {}, scores[KEYS / 2] = {}, dweights[KEYS / 2] = {};
    uint32_t operands[KEYS / 16][4];
    barrier_wait(&ring->own, 0);
    this->template multiply<T>(scores, dweights, group, 0);
    warpgroup_wait<0>();
    warpgroup_hold(scores);
    warpgroup_hold(dweights);
    ring->release(kSecond, 0);
    differentiate(scores, dweights, norm, slope, row, group, 0);
    as_operands<T, KEYS>(operands, scores);
#pragma unroll 1
    for (int block = 1; block < blocks; ++block) {
      this->template multiply<T>(scores, dweights, group, block);
      add(sums, operands, block - 1);
      warpgroup_wait<1>();
      warpgroup_hold(scores);
      warpgroup_hold(dweights);
      ring->release(kSecond, block);
      differentiate(scores, dweights, norm, slope, row, group, block);
      warpgroup_wait<0>();
      warpgroup_hold(operands);
      ring->release(kFirst, block - 1);
      as_operands<T, KEYS>(operands, scores);
    }
    add(sums, operands, blocks - 1);
    warpgroup_wait<0>();
    warpgroup_hold(sums);
#pragma unroll
    for (int h = 0; h < 2; ++h)
      if (row + h * 8 < s.queries)
        store_row<T, D, kColumns>(dq + (batch * s.queries + row + h * 8) * s.row + head * s.width, sums, h,
                                  s);
  }
  EASEL_DEVICE void add(float (&sums)[kColumns / 2], uint32_t (&operands)[KEYS / 16][4], int block) const {
    warpgroup_hold(sums);
    warpgroup_hold(operands);
    warpgroup_fence();
    add_heads<T, D, KEYS>(sums, operands, this->address(kFirst, block));
    warpgroup_commit();
  }
};

template <typename T, int D, int KEYS>
EASEL_DEVICE void hopper_dq(unsigned char* shared, T* dq, const HeadMaps& dy, const HeadMaps& q,
                            const HeadMaps& k, const HeadMaps& v, const float* lse, const float* delta,
                            const Heads& s) {
  unsigned char* const tiles = head_tiles(shared);
  const int first = int(blockIdx.x) * kHopperRows, queries = int(s.queries), keys = int(s.keys);
  const int last = first + kHopperRows < queries ? first + kHopperRows : queries;
  const int visible = s.causal && last < keys ? last : keys;
  const HopperDq<T, D, KEYS> block({tiles, reinterpret_cast<HeadRing*>(tiles - 1024),
                                    int(blockIdx.y) % s.heads, int(blockIdx.y) / s.heads, first},
                                   s, (visible + KEYS - 1) / KEYS);
  if (threadIdx.x == 0) block.ring->prepare(1);
  syncthreads();
  if (threadIdx.x < 256)
    block.compute(dq, lse, delta);
  else if (threadIdx.x == 256)
    block.copy(dy, q, k, v);
}

#define HOPPER_DQ(T, D)                                                                              \
  EASEL_KERNEL(kHopperThreads, hopper_attention_dq_##D##_##T,                                        \
               (T * dq, EASEL_HEAD_MAPS dy, EASEL_HEAD_MAPS q, EASEL_HEAD_MAPS k, EASEL_HEAD_MAPS v, \
                const float* lse, const float* delta, Heads s)) {                                    \
    EASEL_SHARED(unsigned char, shared);                                                             \
    hopper_dq<T, D, kHopperKeys>(shared, dq, dy, q, k, v, lse, delta, s);                            \
  }
HOPPER_DQ(f16, 48)
HOPPER_DQ(f16, 64)
HOPPER_DQ(f16, 80)
HOPPER_DQ(bf16, 48)
HOPPER_DQ(bf16, 64)
HOPPER_DQ(bf16, 80)

}  // namespace easel
