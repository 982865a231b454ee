// attention's gradient by keys and values on Hopper, for heads up to 80 wide: as in attention_dkdv.cu, by
// wgmma. Compute-bound. Blocks of 128 keys, tiles of 64 queries; registers that carry state: D of sums, 32+32
// of scores and their gradients, 16+16 of operands. More than 168, which is what 384 threads may have: the
// two groups that multiply take 232 each and leave 40 to the third, of which one warp copies.
#include "hopper_gradient.cuh"

namespace easel {

template <typename T, int D, int QUERIES>
struct HopperDkdv : GradientTiles<D, QUERIES> {
  using Base = GradientTiles<D, QUERIES>;
  using Base::batch, Base::first, Base::head, Base::ring, Base::tile;
  static constexpr int kColumns = Base::Box::kColumns;
  const Heads& s;
  int begin, count;  // this part's tiles of queries

  EASEL_DEVICE HopperDkdv(const Base& base, const Heads& heads, int from, int tiles_of_part)
      : Base(base), s(heads), begin(from), count(tiles_of_part) {}

  // lse and delta of a tile's queries, behind all tiles.
  EASEL_DEVICE float* rows(int n) const {
    return reinterpret_cast<float*>(tile(kFirst, 0) + kHopperStages * 2 * Base::Box::kBytes) +
           n % kHopperStages * 2 * QUERIES;
  }

  // A warp's work: the first lane starts copies, all write what belongs to rows.
  EASEL_DEVICE void copy(const HeadMaps& dy, const HeadMaps& q, const HeadMaps& k, const HeadMaps& v,
                         const float* lse, const float* delta) const {
    const int lane = lane_id();
    if (lane == 0) this->load_own(k, v);
    lse += int64_t(blockIdx.y) * s.queries;
    delta += int64_t(blockIdx.y) * s.queries;
#pragma unroll 1
    for (int n = 0; n < count; ++n) {
      const int query = (begin + n) * QUERIES;
      ring->await_room(kFirst, n);
      ring->await_room(kSecond, n);
      float* const to = rows(n);
      for (int r = lane; r < QUERIES; r += 32) {
        const bool exists = query + r < s.queries;
        to[r] = exists ? lse[query + r] * kLog2E : 0;
        to[QUERIES + r] = exists ? delta[query + r] : 0;
      }
      if (lane == 0) {
        Base::Box::load(tile(kFirst, n), q, ring->come(kFirst, n), query, head, batch);
        Base::Box::load(tile(kSecond, n), dy, ring->come(kSecond, n), query, head, batch);
      } else {
        barrier_arrive(ring->come(kFirst, n));
      }
    }
  }

  // Scores become weights, dweights the scores' gradient.
  EASEL_DEVICE void differentiate(float (&scores)[QUERIES / 2], float (&dweights)[QUERIES / 2], int row,
                                  int group, int n) const {
    const int query = (begin + n) * QUERIES;
    if (s.causal && query < first + group + 63) {
#pragma unroll
      for (int e = 0; e < QUERIES / 2; ++e)
        if (query + e / 4 * 8 + lane_id() % 4 * 2 + e % 2 < row + e / 2 % 2 * 8) scores[e] = -INFINITY;
    }
    const float scale = s.scale * kLog2E;
    const float* const of = rows(n) + lane_id() % 4 * 2;
#pragma unroll
    for (int e = 0; e < QUERIES / 2; ++e) {
      const int at = e / 4 * 8 + e % 2;
      const float weight = fast_exp2(fmaf(scores[e], scale, -of[at]));
      scores[e] = weight;
      dweights[e] = s.scale * weight * (dweights[e] - of[QUERIES + at]);
    }
  }

  using Columns = float[kColumns / 2];
  using Operands = uint32_t[QUERIES / 16][4];
  EASEL_DEVICE void add(Columns& dk_sums, Columns& dv_sums, Operands& weights, Operands& dscores,
                        int n) const {
    warpgroup_hold(dk_sums);
    warpgroup_hold(dv_sums);
    warpgroup_hold(weights);
    warpgroup_hold(dscores);
    warpgroup_fence();
    add_heads<T, D, QUERIES>(dv_sums, weights, this->address(kSecond, n));
    add_heads<T, D, QUERIES>(dk_sums, dscores, this->address(kFirst, n));
    warpgroup_commit();
  }
  EASEL_DEVICE void release(int n) const {
    ring->release(kFirst, n);
    ring->release(kSecond, n);
  }

  EASEL_DEVICE void compute(T* dk, T* dv, float* parts) const {
    const int group = int(threadIdx.x) / 128 * 64;
    const int row = first + int(threadIdx.x) / 32 * 16 + lane_id() / 4;
    Columns dk_sums = {}, dv_sums = {};
    Operands weights = {}, dscores = {};
    float scores[QUERIES / 2] = {}, dweights[QUERIES / 2] = {};
    barrier_wait(&ring->own, 0);
#pragma unroll 1
    for (int n = 0; n < count; ++n) {
      this->template multiply<T>(scores, dweights, group, n);
      if (n > 0) {
        add(dk_sums, dv_sums, weights, dscores, n - 1);
        warpgroup_wait<1>();
      } else {
        warpgroup_wait<0>();
      }
      warpgroup_hold(scores);
      warpgroup_hold(dweights);
      differentiate(scores, dweights, row, group, n);
      warpgroup_wait<0>();
      warpgroup_hold(weights);
      warpgroup_hold(dscores);
      if (n > 0) release(n - 1);
      as_operands<T, QUERIES>(weights, scores);
      as_operands<T, QUERIES>(dscores, dweights);
    }
    if (count > 0) {
      add(dk_sums, dv_sums, weights, dscores, count - 1);
      warpgroup_wait<0>();
      warpgroup_hold(dk_sums);
      warpgroup_hold(dv_sums);
    }
    write(dk, dv, parts, dk_sums, dv_sums, row);
  }

  EASEL_DEVICE void write(T* dk, T* dv, float* parts, const Columns& dk_sums, const Columns& dv_sums,
                          int row) const {
    const int64_t one = s.row * s.keys * (int64_t(gridDim.y) / s.heads);  // elements of dk
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int key = row + h * 8;
      if (key >= s.keys) continue;
      const int64_t at = (batch * s.keys + key) * s.row + head * s.width;
      if (!parts) {
        store_row<T, D, kColumns>(dk + at, dk_sums, h, s);
        store_row<T, D, kColumns>(dv + at, dv_sums, h, s);
        continue;
      }
      float* const part = parts + int64_t(blockIdx.z) * one + at;
#pragma unroll
      for (int n = 0; n < D / 8; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int c = n * 8 + lane_id() % 4 * 2 + e;
          if (c >= s.width) continue;
          part[c] = dk_sums[n * 4 + h * 2 + e];
          part[int64_t(gridDim.z) * one + c] = dv_sums[n * 4 + h * 2 + e];
        }
    }
  }
};

template <typename T, int D, int QUERIES>
EASEL_DEVICE void hopper_dkdv(unsigned char* shared, T* dk, T* dv, float* parts, const HeadMaps& dy,
                              const HeadMaps& q, const HeadMaps& k, const HeadMaps& v, const float* lse,
                              const float* delta, const Heads& s) {
  unsigned char* const tiles = head_tiles(shared);
  const int first = int(blockIdx.x) * kHopperRows, all = (int(s.queries) + QUERIES - 1) / QUERIES,
            each = (all + int(gridDim.z) - 1) / int(gridDim.z), part = each * int(blockIdx.z);
  const int seen = s.causal ? first / QUERIES : 0;  // the first that see one of these keys
  const int begin = part > seen ? part : seen, end = part + each < all ? part + each : all;
  const HopperDkdv<T, D, QUERIES> block({tiles, reinterpret_cast<HeadRing*>(tiles - 1024),
                                         int(blockIdx.y) % s.heads, int(blockIdx.y) / s.heads, first},
                                        s, begin, begin < end ? end - begin : 0);
  if (threadIdx.x == 0) block.ring->prepare(32);
  syncthreads();
  if (threadIdx.x < 256) {
    take_registers<232>();
    block.compute(dk, dv, parts);
  } else {
    keep_registers<40>();
    if (threadIdx.x < 288) block.copy(dy, q, k, v, lse, delta);
  }
}

#define HOPPER_DKDV(T, D)                                                                      \
  EASEL_KERNEL_ALONE(                                                                          \
      kDkdvThreads, hopper_attention_dkdv_##D##_##T,                                           \
      (T * dk, T * dv, float* parts, EASEL_HEAD_MAPS dy, EASEL_HEAD_MAPS q, EASEL_HEAD_MAPS k, \
       EASEL_HEAD_MAPS v, const float* lse, const float* delta, Heads s)) {                    \
    EASEL_SHARED(unsigned char, shared);                                                       \
    hopper_dkdv<T, D, kHopperQueries>(shared, dk, dv, parts, dy, q, k, v, lse, delta, s);      \
  }
HOPPER_DKDV(f16, 48)
HOPPER_DKDV(f16, 64)
HOPPER_DKDV(f16, 80)
HOPPER_DKDV(bf16, 48)
HOPPER_DKDV(bf16, 64)
HOPPER_DKDV(bf16, 80)

}  // namespace easel
