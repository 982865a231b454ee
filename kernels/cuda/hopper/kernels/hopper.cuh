// What compute capability 9.0 adds, for the kernels of hopper_*.cu alone, which are compiled for sm_90a:
// barriers in shared memory, copies of whole tiles (TMA) and products of four warps (wgmma). Everything here
// has a twin in kernels/simt/hopper.h.
//
// Tiles lie in shared memory as the copies write them with a swizzle of 128 bytes: rows of 128 bytes, their
// 16-byte chunks exchanged by the row's number modulo 8. A row is either 64 neighbours in K of one row (or
// column) of the operand, or 64 rows (columns) at one K. Narrower rows, of 64 or 32 bytes, have a swizzle of
// as many: chunks are exchanged by the address's bits from 128 on, always.
#pragma once
#include "../../device.cuh"
#include "hopper.h"

#ifdef EASEL_SIMT
#include "../../../simt/hopper.h"
#else

// A kernel's parameter that copies read.
#define EASEL_MAP const __grid_constant__ TensorMap
#define EASEL_HEAD_MAPS const __grid_constant__ HeadMaps
// A block that has a multiprocessor for itself: its groups may take registers from each other.
#define EASEL_KERNEL_ALONE(THREADS, NAME, PARAMETERS) \
  extern "C" __global__ void __launch_bounds__(THREADS, 1) NAME PARAMETERS

namespace easel {

EASEL_DEVICE uint32_t shared_address(const void* p) { return uint32_t(__cvta_generic_to_shared(p)); }

// A barrier is 8 bytes of shared memory. A phase of it ends when `arrivals` threads have arrived and all
// bytes that were announced have come; phases count 0, 1, 0, ..
EASEL_DEVICE void barrier_init(uint64_t* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(shared_address(barrier)), "r"(arrivals)
               : "memory");
}
// Before copies use barriers that were just made; a block's barrier follows.
EASEL_DEVICE void barriers_made() {
  asm volatile("fence.mbarrier_init.release.cluster;\n" ::: "memory");
  asm volatile("fence.proxy.async;\n" ::: "memory");
}
EASEL_DEVICE void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];\n" ::"r"(shared_address(barrier)) : "memory");
}
// Arrives, and announces bytes.
EASEL_DEVICE void barrier_expect(uint64_t* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(shared_address(barrier)),
               "r"(bytes)
               : "memory");
}
// Waits until the phase of this number has ended; of the one before the first it has.
EASEL_DEVICE void barrier_wait(uint64_t* barrier, int phase) {
  int ended;
  do {
    asm volatile(
        "{\n.reg .pred ended;\nmbarrier.try_wait.parity.shared::cta.b64 ended, [%1], %2;\n"
        "selp.b32 %0, 1, 0, ended;\n}\n"
        : "=r"(ended)
        : "r"(shared_address(barrier)), "r"(phase)
        : "memory");
  } while (!ended);
}

// The map's box at (x, y, z) to shared memory, at a multiple of 1024; zeros outside of the tensor. All bytes
// of the box are counted.
EASEL_DEVICE void tensor_load(void* to, const TensorMap& map, uint64_t* barrier, int x, int y, int z) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], "
      "[%2];\n" ::"r"(shared_address(to)),
      "l"(&map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
}
// The same of a map with four axes.
EASEL_DEVICE void tensor_load(void* to, const TensorMap& map, uint64_t* barrier, int x, int y, int z, int w) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, "
      "%6}], [%2];\n" ::"r"(shared_address(to)),
      "l"(&map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z), "r"(w)
      : "memory");
}
// The map's pixels from (column, row, picture) on, each moved by (right, down), their channels from
// `channel`.
EASEL_DEVICE void im2col_load(void* to, const TensorMap& map, uint64_t* barrier, int channel, int column,
                              int row, int picture, int right, int down) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4, "
      "%5, %6}], [%2], {%7, %8};\n" ::"r"(shared_address(to)),
      "l"(&map), "r"(shared_address(barrier)), "r"(channel), "r"(column), "r"(row), "r"(picture),
      "h"(uint16_t(right)), "h"(uint16_t(down))
      : "memory");
}

// A group's warps take up to so many registers each, or keep so many and give the others back; all four do.
// What a kernel was compiled with times its threads is what there is.
template <int Count>
EASEL_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(Count));
}
template <int Count>
EASEL_DEVICE void keep_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(Count));
}

// Before the first product of a group reads sums that other instructions wrote.
EASEL_DEVICE void warpgroup_fence() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
// The compiler keeps other uses of sums, or of operands, on this side.
template <int COUNT>
EASEL_DEVICE void warpgroup_hold(float (&sums)[COUNT]) {
#pragma unroll
  for (int i = 0; i < COUNT; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}
template <int COUNT>
EASEL_DEVICE void warpgroup_hold(uint32_t (&operands)[COUNT][4]) {
#pragma unroll
  for (int i = 0; i < COUNT * 4; ++i) asm volatile("" : "+r"(operands[i / 4][i % 4])::"memory");
}
EASEL_DEVICE void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Waits until at most Pending of the newest groups are still computed.
template <int Pending>
EASEL_DEVICE void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}

}  // namespace easel

#include "hopper_mma.cuh"

#endif  // EASEL_SIMT

namespace easel {

// Where warpgroup_mma finds a tile of swizzled rows: its first row's address, and the distances, in bytes, of
// eight rows from the next and (rows across K only) of as many rows of the operand as a row of the tile holds
// from the next. bytes: of a row, 128, 64 or 32.
EASEL_DEVICE uint64_t describe(uint32_t address, int eight, int whole, int bytes = 128) {
  return uint64_t(address >> 4 & 0x3fff) | uint64_t(whole >> 4) << 16 | uint64_t(eight >> 4) << 32 |
         uint64_t(bytes == 128  ? 1
                  : bytes == 64 ? 2
                                : 3)
             << 62;
}

}  // namespace easel
