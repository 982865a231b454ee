// permute(x; p0..p4) where input and output end with different axes: the two span planes, which are walked in
// tiles through shared memory, so that reads and writes are both whole lines. Memory-bound. The other
// permutations are gather's.
#include "../arrays/packs.cuh"
#include "permute.h"

namespace easel {

// A warp takes a line of the tile at a time.
template <typename T>
EASEL_DEVICE void transpose(T* __restrict__ y, const T* __restrict__ x, const Plane& p, T* tile) {
  constexpr int side = tile_side(sizeof(T)), pitch = tile_pitch(sizeof(T));
  const int64_t tiles_r = (p.rows + side - 1) / side, tiles_c = (p.columns + side - 1) / side;
  const int warp = threadIdx.x / 32, warps = blockDim.x / 32, lane = lane_id();
  for (int64_t k = blockIdx.x; k < p.from.count * tiles_r * tiles_c; k += gridDim.x) {
    const int64_t tile_row = k % tiles_r, tile_column = k / tiles_r % tiles_c, plane = k / tiles_r / tiles_c;
    const int64_t r0 = tile_row * side, c0 = tile_column * side;
    const T* from = x + p.from.offset(plane) + c0 * p.column_from + r0;
    T* to = y + p.to.offset(plane) + r0 * p.row_to + c0;
#pragma unroll 4
    for (int c = warp; c < side; c += warps)
#pragma unroll
      for (int r = lane; r < side; r += 32)
        if (c0 + c < p.columns && r0 + r < p.rows) tile[c * pitch + r] = from[c * p.column_from + r];
    syncthreads();
#pragma unroll 4
    for (int r = warp; r < side; r += warps)
#pragma unroll
      for (int c = lane; c < side; c += 32)
        if (r0 + r < p.rows && c0 + c < p.columns) to[r * p.row_to + c] = tile[c * pitch + r];
    syncthreads();
  }
}

#define PERMUTE(T, BYTES)                                            \
  EASEL_KERNEL(256, permute_##BYTES, (T * y, const T* x, Plane p)) { \
    EASEL_SHARED(T, tile);                                           \
    transpose(y, x, p, tile);                                        \
  }
PERMUTE(uint8_t, 1)
PERMUTE(uint16_t, 2)
PERMUTE(uint32_t, 4)

}  // namespace easel
