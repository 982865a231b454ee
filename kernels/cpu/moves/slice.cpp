// slice(x; axis, start, length) and its gradient: runs of bytes copied, or set into zeros. Memory-bound.
#include "../../executor/shapes/moves/slice.h"

#include <cstring>

#include "../kernel.h"

namespace easel {
namespace {

SliceShape in_bytes(const SliceShape& s, int32_t dtype) {
  const int64_t size = dtype_bytes(dtype);
  return {s.rows, s.part * size, s.whole * size, s.start * size};
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_slice(const Instruction& i) {
  const SliceShape s = in_bytes(slice_shape(i), i.in(0).dtype);
  return [=, y = i.out(0).data, x = i.in(0).data] {
    parallel_for(s.rows, (1 << 17) / (s.part + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        std::memcpy(y + r * s.part, x + r * s.whole + s.start, size_t(s.part));
    });
  };
}

// sliceBackward(dy; axis, start, full): dy in zeros
Run prepare_slice_backward(const Instruction& i) {
  const SliceShape s = in_bytes(slice_backward_shape(i), i.in(0).dtype);
  return [=, y = i.out(0).data, x = i.in(0).data] {
    parallel_for(s.rows, (1 << 17) / (s.whole + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        char* row = y + r * s.whole;
        std::memset(row, 0, size_t(s.start));
        std::memcpy(row + s.start, x + r * s.part, size_t(s.part));
        std::memset(row + s.start + s.part, 0, size_t(s.whole - s.start - s.part));
      }
    });
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
