// Kernels that do what a GPU does not forgive, for tests/kernels/cuda/simulator_test.ts; part of the simulator's
// library only.
#include "../cuda/hopper/kernels/hopper.cuh"

namespace easel {

EASEL_KERNEL(64, fault_load, (float* y, const float* x, int64_t n)) {
  y[threadIdx.x] = x[threadIdx.x == 37 ? n : 0];
}
EASEL_KERNEL(64, fault_store, (float* y, int64_t at)) {
  if (threadIdx.x == 5) y[at] = 1.0f;
}
EASEL_KERNEL(64, fault_shared, (float* y, int64_t at)) {
  EASEL_SHARED(float, room);
  room[threadIdx.x == 63 ? at : int64_t(threadIdx.x)] = 2.0f;
  syncthreads();
  y[threadIdx.x] = room[threadIdx.x];
}
EASEL_KERNEL(64, fault_barrier, (float* y, int64_t n)) {
  if (threadIdx.x < n) syncthreads();
  y[threadIdx.x] = 1.0f;
}
EASEL_KERNEL(64, fault_two_barriers, (float* y, int64_t n)) {
  if (threadIdx.x < n)
    syncthreads();
  else
    syncthreads();
  y[threadIdx.x] = 1.0f;
}
EASEL_KERNEL(64, fault_mask, (float* y, int32_t mask)) {
  y[threadIdx.x] = shuffle_xor(float(threadIdx.x), 1, threadIdx.x < 4 ? unsigned(mask) : kWarp);
}
EASEL_KERNEL(64, fault_own_mask, (float* y)) { y[threadIdx.x] = shuffle(1.0f, 0, 0x0fffffffu); }
EASEL_KERNEL(64, fault_absent_lane, (float* y)) {
  if (lane_id() < 16) y[threadIdx.x] = shuffle(1.0f, 20, 0x0000ffffu);
}
EASEL_KERNEL(64, fault_unaligned, (float* y, const float* x, int64_t at)) {
  if (threadIdx.x < 15)
    reinterpret_cast<Bytes16*>(y)[threadIdx.x] = reinterpret_cast<const Bytes16*>(x + at)[threadIdx.x];
}

// Right ones beside them: lanes and barriers in every way that the wrappers offer.
EASEL_KERNEL(64, right_lanes, (float* y)) {
  const int lane = lane_id();
  const float x = float(lane), up = shuffle_up(x, 3), down = shuffle_down(x, 3);
  const unsigned odd = ballot(lane % 2 == 1);
  float total = up + 100.0f * down + (odd == 0xaaaaaaaau ? 0.5f : 0.0f);
  if (lane < 8) total += shuffle_xor(1000.0f * x, 7, 0xffu);
  syncwarp();
  y[threadIdx.x] = total;
}
EASEL_KERNEL(64, right_block, (float* y)) {
  EASEL_SHARED(float, room);
  const float sum = block_sum(float(threadIdx.x), room), most = block_max(float(threadIdx.x), room);
  y[threadIdx.x] = sum + 10000.0f * most;
}
// `wait` 0: reads what cp_async16 has not brought yet.
EASEL_KERNEL(64, copies, (float* y, const float* x, int32_t wait)) {
  EASEL_SHARED(float, room);
  if (threadIdx.x < 16) cp_async16(room + 4 * threadIdx.x, x + 4 * threadIdx.x, threadIdx.x < 12);
  cp_async_commit();
  if (wait) cp_async_wait<0>();
  syncthreads();
  y[threadIdx.x] = room[threadIdx.x];
}

// A warpgroup's product of ones (64 x 16) in registers and ones in shared memory, in rows of 64. `early`: the
// registers change before it is waited for.
EASEL_KERNEL(128, operands, (float* y, int32_t early)) {
  EASEL_SHARED(f16, tile);
  for (int k = int(threadIdx.x); k < 16 * 64; k += 128) tile[k] = from_float<f16>(1);
  syncthreads();
  float sums[32] = {};
  uint32_t ones[1][4];
  for (uint32_t& pair : ones[0]) pair = pack2<f16>(1, 1);
  warpgroup_fence();
  warpgroup_mma<f16, 64, true>(sums, ones[0], describe(shared_address(tile), 1024, 16));
  warpgroup_commit();
  if (early)
    for (uint32_t& pair : ones[0]) pair = pack2<f16>(2, 2);
  warpgroup_wait<0>();
  if (threadIdx.x < 64) y[threadIdx.x] = sums[0];
}
// Sixteen columns of rows that have 64.
EASEL_KERNEL(128, fault_part_of_rows, (float* y)) {
  EASEL_SHARED(unsigned char, shared);
  float sums[8] = {};
  const uint32_t ones[4] = {};
  warpgroup_mma<f16, 16, true>(sums, ones, describe(shared_address(shared), 1024, 16));
  warpgroup_commit();
  warpgroup_wait<0>();
  if (threadIdx.x < 64) y[threadIdx.x] = sums[0];
}

}  // namespace easel
