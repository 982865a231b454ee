// The simulator's twin of cuda/hopper/kernels/hopper.cuh. Copies arrive, and products are computed, only when
// they are waited for: as late as a GPU may.
#pragma once
#include "../cuda/hopper/kernels/hopper.h"
#include "device.h"

#define EASEL_MAP TensorMap
#define EASEL_HEAD_MAPS HeadMaps
#define EASEL_KERNEL_ALONE EASEL_KERNEL

namespace simt {

void barrier_init(uint64_t* barrier, int arrivals, Place place);
void barrier_arrive(uint64_t* barrier, int bytes, Place place);
void barrier_wait(uint64_t* barrier, int phase, Place place);
// corner: where the copy begins, innermost of so many axes first; shift: of pixels, for maps of pixels.
void tensor_load(void* to, const easel::TensorMap& map, uint64_t* barrier, const int* corner, int axes,
                 const int* shift, Place place);

// A product that a warpgroup was given, by descriptors but for an operand in registers.
struct GroupProduct {
  uint64_t a, b;
  int columns;
  bool bf16, a_across, b_across, add;
  bool operator==(const GroupProduct&) const = default;
};
// registers: of this thread's a, or null; read as late as sums are written.
void group_multiply(float* sums, const uint32_t* registers, const GroupProduct& product, Place place);
void group_commit();
void group_wait(int pending, Place place);

}  // namespace simt

namespace easel {

EASEL_DEVICE uint32_t shared_address(const void* p) {
  return uint32_t(static_cast<const unsigned char*>(p) - simt::shared_memory);
}

EASEL_DEVICE void barrier_init(uint64_t* barrier, int arrivals, EASEL_PLACE) {
  simt::barrier_init(barrier, arrivals, place);
}
EASEL_DEVICE void barriers_made() {}
EASEL_DEVICE void barrier_arrive(uint64_t* barrier, EASEL_PLACE) { simt::barrier_arrive(barrier, 0, place); }
EASEL_DEVICE void barrier_expect(uint64_t* barrier, int bytes, EASEL_PLACE) {
  simt::barrier_arrive(barrier, bytes, place);
}
EASEL_DEVICE void barrier_wait(uint64_t* barrier, int phase, EASEL_PLACE) {
  simt::barrier_wait(barrier, phase, place);
}

EASEL_DEVICE void tensor_load(void* to, const TensorMap& map, uint64_t* barrier, int x, int y, int z,
                              EASEL_PLACE) {
  const int corner[] = {x, y, z};
  simt::tensor_load(to, map, barrier, corner, 3, nullptr, place);
}
EASEL_DEVICE void tensor_load(void* to, const TensorMap& map, uint64_t* barrier, int x, int y, int z, int w,
                              EASEL_PLACE) {
  const int corner[] = {x, y, z, w};
  simt::tensor_load(to, map, barrier, corner, 4, nullptr, place);
}
EASEL_DEVICE void im2col_load(void* to, const TensorMap& map, uint64_t* barrier, int channel, int column,
                              int row, int picture, int right, int down, EASEL_PLACE) {
  const int corner[] = {channel, column, row, picture}, shift[] = {right, down};
  simt::tensor_load(to, map, barrier, corner, 4, shift, place);
}

template <int Count>
void take_registers() {}
template <int Count>
void keep_registers() {}

EASEL_DEVICE void warpgroup_fence() {}
template <int COUNT>
void warpgroup_hold(float (&)[COUNT]) {}
template <int COUNT>
void warpgroup_hold(uint32_t (&)[COUNT][4]) {}
EASEL_DEVICE void warpgroup_commit() { simt::group_commit(); }
template <int Pending>
void warpgroup_wait(EASEL_PLACE) {
  simt::group_wait(Pending, place);
}
template <typename T, int N, bool A_ACROSS, bool B_ACROSS>
void warpgroup_mma(float (&sums)[N / 2], uint64_t a, uint64_t b, bool add = true, EASEL_PLACE) {
  simt::group_multiply(sums, nullptr, {a, b, N, std::is_same_v<T, bf16>, A_ACROSS, B_ACROSS, add}, place);
}
template <typename T, int N, bool B_ACROSS>
void warpgroup_mma(float* sums, const uint32_t (&a)[4], uint64_t b, EASEL_PLACE) {
  simt::group_multiply(sums, a, {0, b, N, std::is_same_v<T, bf16>, false, B_ACROSS, true}, place);
}

}  // namespace easel
