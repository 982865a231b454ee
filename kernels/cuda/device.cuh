// What a .cu file sees, on a GPU (nvcc) and in the simulator (kernels/simt, g++ with EASEL_SIMT).
//
//   EASEL_KERNEL(256, geglu_f16, (f16* y, const f16* x, int64_t M, int64_t C)) { ... }
//
// makes a kernel that the host launches by its name (kernel.h). Rules that every kernel follows:
//   - Device code only: no CUDA runtime API, no <<<>>>, no headers but this one and its kin. Kernels are not
//   templates;
//     write a __device__ template and one EASEL_KERNEL for each dtype. Names are NAME_f32, NAME_f16,
//     NAME_bf16.
//   - Parameters are pointers, 4- and 8-byte numbers (int32_t, int64_t, float) and plain structs, passed by
//   value. bool and
//     int16_t are not used: the host's argument must have just this size, which the host checks where the
//     driver can.
//   - The grid may have any size: loop with EASEL_GRID_STRIDE, or over tiles with a stride of gridDim.
//   Indices into memory are
//     int64_t; blockIdx.y and .z end at 65535, so what may be larger goes into x.
//   - Every size is right, 0 and odd ones too: vector loads only where the pointer and the row's stride are
//   multiples of 16.
//     Tensors begin at multiples of 64 bytes (slices of flat parameters: of 4), so test aligned16(pointer).
//   - Shared memory is dynamic only: EASEL_SHARED(float, name), once a kernel, its bytes given at the launch.
//   48 KiB are always
//     there; the launch opts in to more by itself, up to gpu(i).shared_limit: 64 KiB on sm_75, 99 on sm_86
//     and 89, 163 on sm_80, 227 on sm_90. A kernel that wants more than 64 KiB needs a variant that fits the
//     smaller cards.
//   - Barriers and shuffles are the functions below, reached by every thread of the block or by every lane of
//   the mask. A
//     thread must not return before a barrier that the others still reach.
//   - Results are the same in every run: no floating-point atomics into results; sum through scratch in a
//   fixed order.
//   - Accumulation, statistics and softmax are float. Scalar functions come from pointwise.h, which the CPU
//   shares.
//
// Inline PTX is in this file only. On sm_75 cp_async16 copies at once, mma<f16> is two smaller instructions
// and mma<bf16> traps: the host refuses bf16 on such cards before anything is launched.
#pragma once
#include "../pointwise.h"

#ifdef EASEL_SIMT
#include "../simt/device.h"
#else
#include "intrinsics.cuh"
#endif

// Launches of many sizes: for (int64_t i = first of this thread; i < n; i += threads of the grid).
#define EASEL_GRID_STRIDE(i, n)                                             \
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < (n); \
       i += int64_t(gridDim.x) * blockDim.x)

namespace easel {

// Sixteen bytes that one load or store moves; the pointer must be a multiple of 16.
struct alignas(16) Bytes16 {
  uint32_t words[4];
};

EASEL_DEVICE bool aligned16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15) == 0; }

// The sum, or the largest, over a whole warp; every lane gets it.
EASEL_DEVICE float warp_sum(float x) {
  for (int distance = 16; distance > 0; distance >>= 1) x += shuffle_xor(x, distance);
  return x;
}
EASEL_DEVICE float warp_max(float x) {
  for (int distance = 16; distance > 0; distance >>= 1) x = fmaxf(x, shuffle_xor(x, distance));
  return x;
}

// The sum over a block of at most 1024 threads, a multiple of 32; every thread gets it. `room`: 32 floats of
// shared memory that nothing else uses. Ends with a barrier, so it can be called again at once.
EASEL_DEVICE float block_sum(float x, float* room) {
  x = warp_sum(x);
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  syncthreads();
  x = warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? room[threadIdx.x % 32] : 0.0f);
  syncthreads();
  return x;
}
EASEL_DEVICE float block_max(float x, float* room) {
  x = warp_max(x);
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  syncthreads();
  x = warp_max(room[threadIdx.x % 32 < blockDim.x / 32 ? threadIdx.x % 32 : 0]);
  syncthreads();
  return x;
}

// What a kernel found wrong with its data (an id outside of its table): the first report of a run wins, and
// the run fails with the text that the host's on_fault() makes of the two numbers.
struct Fault {
  unsigned long long* words;  // instruction + 1, value, position
  int64_t instruction;
};
EASEL_DEVICE void report(const Fault& fault, int64_t value, int64_t position) {
  if (atomic_cas(fault.words, 0ull, (unsigned long long)(fault.instruction + 1)) != 0ull) return;
  fault.words[1] = (unsigned long long)value;
  fault.words[2] = (unsigned long long)position;
}

}  // namespace easel
