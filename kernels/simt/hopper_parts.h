// Between the simulator's Hopper parts: tensor maps (tensor_map.cpp) and what uses them (hopper.cpp).
#pragma once
#include "../cuda/hopper/kernels/hopper.h"
#include "simulator.h"

namespace simt {

// Faults unless the copying unit would take this map and place; pixels: of im2col mode.
void check_tensor(const void* to, const easel::TensorMap& map, bool pixels, int axes, Place place);
// Copies a box, or pixels, swizzled; gives the bytes that count for the barrier.
size_t copy_tensor(void* to, const easel::TensorMap& map, const int* corner, const int* shift, Place place);
// Values in a row of the tile that a descriptor tells of.
int described_columns(uint64_t descriptor, Place place);
// The 16-bit value (i, k) of the tile that a descriptor tells of, i along the rows or columns of the operand.
const uint16_t* described(uint64_t descriptor, bool across, int i, int k, Place place);

}  // namespace simt
