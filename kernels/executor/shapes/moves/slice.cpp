// The checks of slice and its gradient.
#include "slice.h"

namespace easel {
namespace {

// `length`: the attribute that repeats the output's size.
SliceShape shape(const Instruction& i, const Tensor& part, const Tensor& whole, int64_t length) {
  const int64_t axis = i.integer(ATTR_SLICE_AXIS), start = i.integer(ATTR_SLICE_START);  // alike in both ops
  i.require(part.rank == whole.rank && part.dtype == whole.dtype, "rank or dtype differ");
  i.require(axis >= 0 && axis < whole.rank, "there is no such axis");
  for (int d = 0; d < whole.rank; ++d)
    i.require(d == axis || part.dims[d] == whole.dims[d], "shapes differ off the axis");
  i.require(start >= 0 && start <= whole.dims[axis] - part.dims[axis], "the run leaves the axis");
  i.require(i.out(0).dims[axis] == length, "the output has another length");
  int64_t rows = 1, run = 1;
  for (int d = 0; d < axis; ++d) rows *= whole.dims[d];
  for (int d = int(axis) + 1; d < whole.rank; ++d) run *= whole.dims[d];
  return {rows, part.dims[axis] * run, whole.dims[axis] * run, start * run};
}

}  // namespace

SliceShape slice_shape(const Instruction& i) {
  i.require_counts(1, 1);
  return shape(i, i.out(0), i.in(0), i.integer(ATTR_SLICE_LENGTH));
}

SliceShape slice_backward_shape(const Instruction& i) {
  i.require_counts(1, 1);
  return shape(i, i.in(0), i.out(0), i.integer(ATTR_SLICE_BACKWARD_FULL));
}

}  // namespace easel
