// The GPU's instructions behind plain functions: everything that kernels/simt/device.h has a twin of.
#pragma once
#include <type_traits>

#define EASEL_DEVICE __device__ __forceinline__

#define EASEL_KERNEL(THREADS, NAME, PARAMETERS) \
  extern "C" __global__ void __launch_bounds__(THREADS) NAME PARAMETERS

// The launch's dynamic shared memory as an array of T; once a kernel, other arrays are cut from it.
#define EASEL_SHARED(T, NAME)                                   \
  extern __shared__ __align__(16) unsigned char easel_shared[]; \
  T* NAME = reinterpret_cast<T*>(easel_shared)

namespace easel {

constexpr unsigned kWarp = 0xffffffffu;  // all 32 lanes

// Whether blocks may take more than 64 KiB of shared memory.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr bool kLargeBlocks = false;
#else
constexpr bool kLargeBlocks = true;
#endif

EASEL_DEVICE int lane_id() { return int(threadIdx.x & 31u); }  // blocks are one-dimensional

EASEL_DEVICE void syncthreads() { __syncthreads(); }
EASEL_DEVICE void syncwarp(unsigned mask = kWarp) { __syncwarp(mask); }

// Values of 4 or 8 bytes.
template <typename T>
EASEL_DEVICE T shuffle(T value, int lane, unsigned mask = kWarp) {
  return __shfl_sync(mask, value, lane);
}
template <typename T>
EASEL_DEVICE T shuffle_xor(T value, int distance, unsigned mask = kWarp) {
  return __shfl_xor_sync(mask, value, distance);
}
template <typename T>
EASEL_DEVICE T shuffle_up(T value, int distance, unsigned mask = kWarp) {
  return __shfl_up_sync(mask, value, distance);
}
template <typename T>
EASEL_DEVICE T shuffle_down(T value, int distance, unsigned mask = kWarp) {
  return __shfl_down_sync(mask, value, distance);
}
EASEL_DEVICE unsigned ballot(bool x, unsigned mask = kWarp) { return __ballot_sync(mask, x); }

EASEL_DEVICE float atomic_add(float* at, float x) { return atomicAdd(at, x); }
EASEL_DEVICE int32_t atomic_add(int32_t* at, int32_t x) { return atomicAdd(at, x); }
EASEL_DEVICE unsigned long long atomic_cas(unsigned long long* at, unsigned long long expected,
                                           unsigned long long wanted) {
  return atomicCAS(at, expected, wanted);
}
// Counts from 0 to `last` and begins again; gives the count before.
EASEL_DEVICE unsigned atomic_turn(unsigned* at, unsigned last) { return atomicInc(at, last); }
// What this thread wrote before is seen, by whoever then sees what it writes after, on the whole card.
EASEL_DEVICE void thread_fence() { __threadfence(); }

// 16 bytes from global to shared memory, both multiples of 16; zeros where not valid (global is not read
// then). They are there for this thread after cp_async_wait, for the others after a barrier behind that.
EASEL_DEVICE void cp_async16(void* shared, const void* global, bool valid = true) {
#if __CUDA_ARCH__ >= 800
  const unsigned to = unsigned(__cvta_generic_to_shared(shared));
  asm volatile(
      "{\n.reg .pred absent;\nsetp.eq.s32 absent, %2, 0;\n"
      "cp.async.cg.shared.global [%0], [%1], 16, absent;\n}\n" ::"r"(to),
      "l"(__cvta_generic_to_global(global)), "r"(int(valid))
      : "memory");
#else
  *static_cast<uint4*>(shared) = valid ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}
EASEL_DEVICE void cp_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}
// Waits until at most Pending of the newest groups are still under way.
template <int Pending>
EASEL_DEVICE void cp_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;\n" ::"n"(Pending) : "memory");
#endif
}

// Four 8x8 matrices of 16-bit values from shared memory: lane 8m + r gives the address of row r of matrix m
// (16 bytes, aligned); register m of lane l gets row l / 4, columns 2 (l % 4) and + 1, of matrix m; with
// _trans, of its transpose.
EASEL_DEVICE void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
  const unsigned from = unsigned(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(from)
               : "memory");
}
EASEL_DEVICE void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
  const unsigned from = unsigned(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(from)
               : "memory");
}

// c (16x8 float) += a (16x16) b (16x8) on a whole warp, T f16 or bf16, with g = lane / 4, t = lane % 4 (PTX
// m16n8k16):
//   a[0]: row g, columns 2t, 2t+1    a[1]: row g+8    a[2]: row g, columns 2t+8, 2t+9    a[3]: row g+8, those
//   b[0]: rows 2t, 2t+1, column g    b[1]: rows 2t+8, 2t+9
//   c[0], c[1]: row g, columns 2t, 2t+1    c[2], c[3]: row g+8
template <typename T>
EASEL_DEVICE void mma(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
EASEL_DEVICE void mma<f16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  for (int half = 0; half < 2; ++half)
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, "
        "%3};\n"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}
template <>
EASEL_DEVICE void mma<bf16>(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

// Two floats, rounded, in one register: low in the low half.
template <typename T>
EASEL_DEVICE uint32_t pack2(float low, float high) {
#if __CUDA_ARCH__ >= 800
  uint32_t pair;
  if constexpr (std::is_same_v<T, bf16>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  return uint32_t(from_float<T>(low).bits) | uint32_t(from_float<T>(high).bits) << 16;
#endif
}

// 2^x to about 2 ulp; 0 for -inf.
EASEL_DEVICE float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

}  // namespace easel
