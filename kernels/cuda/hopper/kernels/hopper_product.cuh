// One block's tile of a matrix product on Hopper, 128 x BN: a warp that copies tiles of both operands (TMA)
// as fast as they are used up, and two groups of four warps that multiply 64 x BN each (wgmma).
// Compute-bound: 128x256 does 85 FLOP for each byte from L2, and products read shared memory without a
// thread's help.
//
//   block      a stage   stages   sums a thread
//   128x256    48 KiB    4        128
//   128x128    32 KiB    6         64
//
// Operands come from `loads(a, b, barrier, k, m, n)`, which starts the copies of one stage: A's rows from m
// and B's columns from n on, K from k to k + 64, as rows along K or, 64 of them side by side, across it.
#pragma once
#include "../../product/epilogue.cuh"
#include "../../product/product.cuh"
#include "hopper.cuh"

namespace easel {

template <int BN, bool A_ALONG_K, bool B_ALONG_K>
struct HopperTile {
  static constexpr int kBytesA = kHopperRows * kHopperDepth * 2, kBytesB = BN * kHopperDepth * 2;
  static constexpr int kBytes = kBytesA + kBytesB, kStages = (192 << 10) / kBytes;
  // Rows along K: sixteen further on are 32 bytes, and 64 rows of the operand 8 KiB. Across K: sixteen rows.
  static constexpr int kBox = 64 * kHopperDepth * 2, kSixteenA = A_ALONG_K ? 32 : 16 * 128,
                       kSixteenB = B_ALONG_K ? 32 : 16 * 128;
};

// What a block's warps tell each other: a stage's tiles have come, are used up.
template <int STAGES>
struct HopperBarriers {
  uint64_t full[STAGES], empty[STAGES];
};

// One thread's work: stages as soon as they are used up.
template <typename Tile, typename Loads, typename Barriers>
EASEL_DEVICE void hopper_copy(const Loads& loads, unsigned char* tiles, Barriers* barriers, int steps, int k,
                              int m, int n) {
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Tile::kStages;
    unsigned char* const to = tiles + stage * Tile::kBytes;
    barrier_wait(&barriers->empty[stage], (step / Tile::kStages & 1) ^ 1);
    barrier_expect(&barriers->full[stage], Tile::kBytes);
    loads(to, to + Tile::kBytesA, &barriers->full[stage], k + step * kHopperDepth, m, n);
  }
}

template <typename T, int BN, typename Tile, typename Barriers, bool A_ALONG_K, bool B_ALONG_K>
EASEL_DEVICE void hopper_multiply(float (&sums)[BN / 2], const unsigned char* tiles, Barriers* barriers,
                                  int steps) {
  const int group = int(threadIdx.x) / 128;
  warpgroup_hold(sums);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const int stage = step % Tile::kStages;
    const uint32_t a = shared_address(tiles) + uint32_t(stage * Tile::kBytes + group * Tile::kBox);
    const uint32_t b = shared_address(tiles) + uint32_t(stage * Tile::kBytes + Tile::kBytesA);
    barrier_wait(&barriers->full[stage], step / Tile::kStages & 1);
    warpgroup_fence();
#pragma unroll
    for (int k = 0; k < kHopperDepth / 16; ++k)
      warpgroup_mma<T, BN, !A_ALONG_K, !B_ALONG_K>(sums, describe(a + k * Tile::kSixteenA, 1024, Tile::kBox),
                                                   describe(b + k * Tile::kSixteenB, 1024, Tile::kBox));
    warpgroup_commit();
    warpgroup_wait<1>();
    if (step > 0 && lane_id() == 0) barrier_arrive(&barriers->empty[(step - 1) % Tile::kStages]);
  }
  warpgroup_wait<0>();
  warpgroup_hold(sums);
}

// Sixteen rows of a warp to shared memory; rows that half a warp writes lie in different banks.
template <int BN, int STRIDE>
EASEL_DEVICE void hopper_spill(float* slab, const float (&sums)[BN / 2]) {
  const int lane = lane_id();
#pragma unroll
  for (int j = 0; j < BN / 8; ++j)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float* to = slab + (lane / 4 + h * 8) * STRIDE + j * 8 + lane % 4 * 2;
      to[0] = sums[j * 4 + h * 2];
      to[1] = sums[j * 4 + h * 2 + 1];
    }
}

template <typename T, int BN, bool A_ALONG_K, bool B_ALONG_K, typename Loads>
EASEL_DEVICE void hopper_product(unsigned char* shared, const Loads& loads, const Product& p,
                                 const Output<T>& out, int split) {
  using Tile = HopperTile<BN, A_ALONG_K, B_ALONG_K>;
  using Barriers = HopperBarriers<Tile::kStages>;
  constexpr int kStride = BN + 8;  // of a slab
  static_assert(8 * 16 * kStride * int(sizeof(float)) <= Tile::kStages * Tile::kBytes, "slabs do not fit");
  unsigned char* const tiles = shared + 1024 + (-shared_address(shared) & 1023u);
  Barriers* const barriers = reinterpret_cast<Barriers*>(tiles - 1024);
  if (threadIdx.x == 0) {
    for (int s = 0; s < Tile::kStages; ++s) {
      barrier_init(&barriers->full[s], 1);
      barrier_init(&barriers->empty[s], 8);  // warps that multiply
    }
    barriers_made();
  }
  syncthreads();
  int tile_m, tile_n;
  place_block(p, &tile_m, &tile_n);
  const int warp = int(threadIdx.x) / 32, k = split * p.split_k;
  const int steps = ((int(p.K) - k < p.split_k ? int(p.K) - k : p.split_k) + kHopperDepth - 1) / kHopperDepth;
  float sums[BN / 2] = {};
  if (warp < 8)
    hopper_multiply<T, BN, Tile, Barriers, A_ALONG_K, B_ALONG_K>(sums, tiles, barriers, steps);
  else if (lane_id() == 0)
    hopper_copy<Tile>(loads, tiles, barriers, steps, k, tile_m * kHopperRows, tile_n * BN);
  syncwarp();
  syncthreads();  // nobody reads tiles any more
  float* const part = out.parts ? out.parts + int64_t(split) * p.batch * p.M * p.N : nullptr;
  if (warp < 8) {
    float* const slab = reinterpret_cast<float*>(tiles) + warp * 16 * kStride;
    hopper_spill<BN, kStride>(slab, sums);
    syncwarp();
    write_slab<T, BN, kStride>(slab, out, part, p, int64_t(tile_m) * kHopperRows + warp * 16,
                               int64_t(tile_n) * BN);
  }
  if (!out.tickets) return;
  unsigned* const ticket = out.tickets + blockIdx.z % unsigned(p.batch) * gridDim.x + blockIdx.x;
  if (last_part(ticket, p.splits, reinterpret_cast<unsigned*>(tiles)))
    add_parts<T, kHopperRows, BN>(out, p, int64_t(tile_m) * kHopperRows, int64_t(tile_n) * BN);
}

}  // namespace easel
