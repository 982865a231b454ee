// slice(x; axis, start, length) and its gradient: runs of bytes copied, or set into zeros. Memory-bound.
#include <cstring>

#include "kernel.h"

namespace easel {
namespace {

struct Parts {
  int64_t rows, part, whole, start;  // bytes; rows: axes before the sliced one
};

Parts split(const Instruction& i, const Tensor& part, const Tensor& whole, int64_t axis, int64_t start) {
  i.require(part.rank == whole.rank && part.dtype == whole.dtype, "rank or dtype differ");
  i.require(axis >= 0 && axis < whole.rank, "there is no such axis");
  for (int d = 0; d < whole.rank; ++d)
    i.require(d == axis || part.dims[d] == whole.dims[d], "shapes differ off the axis");
  i.require(start >= 0 && start <= whole.dims[axis] - part.dims[axis], "the run leaves the axis");
  int64_t rows = 1, run = dtype_bytes(whole.dtype);
  for (int d = 0; d < axis; ++d) rows *= whole.dims[d];
  for (int d = int(axis) + 1; d < whole.rank; ++d) run *= whole.dims[d];
  return {rows, part.dims[axis] * run, whole.dims[axis] * run, start * run};
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_slice(const Instruction& i) {
  i.require_counts(1, 1);
  const Parts s = split(i, i.out(0), i.in(0), i.integer(ATTR_SLICE_AXIS), i.integer(ATTR_SLICE_START));
  i.require(i.out(0).dims[i.integer(ATTR_SLICE_AXIS)] == i.integer(ATTR_SLICE_LENGTH), "length differs");
  return [=, y = i.out(0).data, x = i.in(0).data] {
    parallel_for(s.rows, (1 << 17) / (s.part + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r)
        std::memcpy(y + r * s.part, x + r * s.whole + s.start, size_t(s.part));
    });
  };
}

// sliceBackward(dy; axis, start, full): dy in zeros
Run prepare_slice_backward(const Instruction& i) {
  i.require_counts(1, 1);
  const int64_t axis = i.integer(ATTR_SLICE_BACKWARD_AXIS);
  const Parts s = split(i, i.in(0), i.out(0), axis, i.integer(ATTR_SLICE_BACKWARD_START));
  i.require(i.out(0).dims[axis] == i.integer(ATTR_SLICE_BACKWARD_FULL), "the full size differs");
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
