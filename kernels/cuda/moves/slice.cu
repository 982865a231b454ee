// sliceBackward(dy; axis, start, full): dy set into zeros. Memory-bound: about one read and one write. slice
// itself is gather's. T is a unit of bytes as there.
#include "../arrays/packs.cuh"

namespace easel {

template <typename Index, typename T>
EASEL_DEVICE void pad_rows(T* y, const T* x, Index rows, Index whole, Index part, Index start) {
  const Index stride = Index(gridDim.x) * blockDim.x;
  for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < rows * whole; k += stride) {
    const Index row = k / whole, at = k - row * whole - start;  // before the start it wraps
    y[k] = at < part ? x[int64_t(row) * part + at] : T{};
  }
}

// x (rows, part) -> y (rows, whole), in units
template <typename T>
EASEL_DEVICE void slice_backward(T* __restrict__ y, const T* __restrict__ x, int64_t rows, int64_t whole,
                                 int64_t part, int64_t start) {
  if (rows * whole < int64_t(1) << 31)
    pad_rows<uint32_t>(y, x, rows, whole, part, start);
  else
    pad_rows<uint64_t>(y, x, rows, whole, part, start);
}

#define SLICE_BACKWARD(T, BYTES)                                                                \
  EASEL_KERNEL(256, slice_backward_##BYTES,                                                     \
               (T * y, const T* x, int64_t rows, int64_t whole, int64_t part, int64_t start)) { \
    slice_backward(y, x, rows, whole, part, start);                                             \
  }
EASEL_UNITS(SLICE_BACKWARD)

}  // namespace easel
