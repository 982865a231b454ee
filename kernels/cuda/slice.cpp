// slice(x; axis, start, length) and its gradient: runs copied, or set into zeros.
#include "gather.h"
#include "packs.h"

namespace easel {
namespace {

struct Parts {
  int64_t rows, part, whole, start;  // elements; rows: axes before the sliced one
};

Parts split(const Instruction& i, const Tensor& part, const Tensor& whole, int64_t axis, int64_t start) {
  i.require(part.rank == whole.rank && part.dtype == whole.dtype, "rank or dtype differ");
  i.require(axis >= 0 && axis < whole.rank, "there is no such axis");
  for (int d = 0; d < whole.rank; ++d)
    i.require(d == axis || part.dims[d] == whole.dims[d], "shapes differ off the axis");
  i.require(start >= 0 && start <= whole.dims[axis] - part.dims[axis], "the run leaves the axis");
  int64_t rows = 1, run = 1;
  for (int d = 0; d < axis; ++d) rows *= whole.dims[d];
  for (int d = int(axis) + 1; d < whole.rank; ++d) run *= whole.dims[d];
  return {rows, part.dims[axis] * run, whole.dims[axis] * run, start * run};
}

}  // namespace

Run prepare_slice(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  const Parts s = split(i, y, x, i.integer(ATTR_SLICE_AXIS), i.integer(ATTR_SLICE_START));
  i.require(y.dims[i.integer(ATTR_SLICE_AXIS)] == i.integer(ATTR_SLICE_LENGTH), "length differs");
  const int64_t sides[] = {s.rows, s.part}, from[] = {s.whole, 1}, none[] = {0, 0};
  return gather(i, y, x, s.start, make_walk(2, sides, from, none));
}

// sliceBackward(dy; axis, start, full): dy in zeros
Run prepare_slice_backward(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t axis = i.integer(ATTR_SLICE_BACKWARD_AXIS), size = dtype_bytes(y.dtype);
  const Parts s = split(i, x, y, axis, i.integer(ATTR_SLICE_BACKWARD_START));
  i.require(y.dims[axis] == i.integer(ATTR_SLICE_BACKWARD_FULL), "the full size differs");
  Unit unit;
  unit.size(s.part * size).size(s.whole * size).size(s.start * size).address(y.data).address(x.data);
  const int64_t n = unit.bytes() / size;
  return launch(i, unit.kernel("slice_backward"), {.grid = blocks(i, y.count() / n)}, y.data, x.data, s.rows,
                s.whole / n, s.part / n, s.start / n);
}

}  // namespace easel
