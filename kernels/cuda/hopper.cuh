// What compute capability 9.0 adds, for the kernels of hopper_*.cu alone, which are compiled for sm_90a:
// barriers in shared memory, copies of whole tiles (TMA) and products of four warps (wgmma). Everything here
// has a twin in kernels/simt/hopper.h.
//
// Tiles lie in shared memory as the copies write them with a swizzle of 128 bytes: rows of 128 bytes, their
// 16-byte chunks exchanged by the row's number modulo 8. A row is either 64 neighbours in K of one row (or
// column) of the operand, or 64 rows (columns) at one K.
#pragma once
#include "device.cuh"
#include "hopper.h"

#ifdef EASEL_SIMT
#include "../simt/hopper.h"
#else

// A kernel's parameter that copies read.
#define EASEL_MAP const __grid_constant__ TensorMap

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

// Before the first product of a group reads sums that other instructions wrote.
EASEL_DEVICE void warpgroup_fence() { asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory"); }
// The compiler keeps other uses of sums on this side.
template <int COUNT>
EASEL_DEVICE void warpgroup_hold(float (&sums)[COUNT]) {
#pragma unroll
  for (int i = 0; i < COUNT; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}
EASEL_DEVICE void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory"); }
// Waits until at most Pending of the newest groups are still computed.
template <int Pending>
EASEL_DEVICE void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;\n" ::"n"(Pending) : "memory");
}

#define EASEL_OCTET(c, i)                                                                     \
  "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3]), "+f"(c[i + 4]), "+f"(c[i + 5]), \
      "+f"(c[i + 6]), "+f"(c[i + 7])
#define EASEL_REGISTERS64                                                            \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "           \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define EASEL_SUMS64(c)                                                                             \
  EASEL_OCTET(c, 0), EASEL_OCTET(c, 8), EASEL_OCTET(c, 16), EASEL_OCTET(c, 24), EASEL_OCTET(c, 32), \
      EASEL_OCTET(c, 40), EASEL_OCTET(c, 48), EASEL_OCTET(c, 56)
#define EASEL_REGISTERS128                                                                       \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                       \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "             \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "             \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "             \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "             \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define EASEL_SUMS128(c)                                                                                    \
  EASEL_OCTET(c, 0), EASEL_OCTET(c, 8), EASEL_OCTET(c, 16), EASEL_OCTET(c, 24), EASEL_OCTET(c, 32),         \
      EASEL_OCTET(c, 40), EASEL_OCTET(c, 48), EASEL_OCTET(c, 56), EASEL_OCTET(c, 64), EASEL_OCTET(c, 72),   \
      EASEL_OCTET(c, 80), EASEL_OCTET(c, 88), EASEL_OCTET(c, 96), EASEL_OCTET(c, 104), EASEL_OCTET(c, 112), \
      EASEL_OCTET(c, 120)

// sums (64 x N, spread over four warps) += a (64 x 16) b (16 x N), by descriptors (describe); *_ACROSS: rows
// of the tile lie across K. Of warp w and lane l, with g = l / 4 and t = l % 4: sums[4j], [4j + 1] are row
// 16w + g, columns 8j + 2t and + 1; sums[4j + 2], [4j + 3] those of row 16w + g + 8. Asynchronous: until
// warpgroup_wait sums and tiles are in use.
template <typename T, int N, bool A_ACROSS, bool B_ACROSS>
EASEL_DEVICE void warpgroup_mma(float (&sums)[N / 2], uint64_t a, uint64_t b) {
#define EASEL_WGMMA(TYPE, COLUMNS, COUNT, A, B, LAYOUT_A, LAYOUT_B, SCALE)                                  \
  asm volatile("{\n.reg .pred added;\nsetp.ne.b32 added, " SCALE                                            \
               ", 0;\nwgmma.mma_async.sync.aligned.m64n" COLUMNS "k16.f32." TYPE "." TYPE                   \
               " {" EASEL_REGISTERS##COUNT "}, " A ", " B ", added, 1, 1, " LAYOUT_A ", " LAYOUT_B ";\n}\n" \
               : EASEL_SUMS##COUNT(sums)                                                                    \
               : "l"(a), "l"(b), "n"(int(A_ACROSS)), "n"(int(B_ACROSS)), "r"(1))
  if constexpr (N == 256 && std::is_same_v<T, bf16>)
    EASEL_WGMMA("bf16", "256", 128, "%128", "%129", "%130", "%131", "%132");
  else if constexpr (N == 256)
    EASEL_WGMMA("f16", "256", 128, "%128", "%129", "%130", "%131", "%132");
  else if constexpr (std::is_same_v<T, bf16>)
    EASEL_WGMMA("bf16", "128", 64, "%64", "%65", "%66", "%67", "%68");
  else
    EASEL_WGMMA("f16", "128", 64, "%64", "%65", "%66", "%67", "%68");
#undef EASEL_WGMMA
}

}  // namespace easel

#endif  // EASEL_SIMT

namespace easel {

// Where warpgroup_mma finds a tile of swizzled rows: its first row's address, and the distances, in bytes, of
// eight rows from the next and (rows across K only) of 64 rows of the operand from the next.
EASEL_DEVICE uint64_t describe(uint32_t address, int eight, int sixty_four) {
  return uint64_t(address >> 4 & 0x3fff) | uint64_t(sixty_four >> 4) << 16 | uint64_t(eight >> 4) << 32 |
         uint64_t(1) << 62;
}

}  // namespace easel
