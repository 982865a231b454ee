// concat(a, b, ...; axis): rows put one after the other. Memory-bound; T is a unit of at most 16 bytes that
// divides all parts. One launch: each unit of the output looks up its operand.
#include "../arrays/packs.cuh"
#include "concat.h"

namespace easel {

template <typename Index, typename T>
EASEL_DEVICE void join_rows(T* y, const Parts& s) {
  const Index whole = Index(s.whole), count = Index(s.rows) * whole, stride = Index(gridDim.x) * blockDim.x;
  for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < count; k += stride) {
    const Index row = k / whole;
    const int64_t at = k - row * whole;
    int part = 0;
    while (at >= s.ends[part]) ++part;
    const int64_t start = part ? s.ends[part - 1] : 0;
    y[k] = static_cast<const T*>(s.data[part])[int64_t(row) * (s.ends[part] - start) + (at - start)];
  }
}

template <typename T>
EASEL_DEVICE void concat(T* __restrict__ y, const Parts& s) {
  if (s.rows * s.whole < int64_t(1) << 31)
    join_rows<uint32_t>(y, s);
  else
    join_rows<int64_t>(y, s);
}

#define CONCAT(T, BYTES) \
  EASEL_KERNEL(256, concat_##BYTES, (T * y, Parts s)) { concat(y, s); }
EASEL_UNITS(CONCAT)

}  // namespace easel
