// The checks of concat.
#include "concat.h"

namespace easel {

ConcatShape concat_shape(const Instruction& i) {
  i.require(i.outputs() == 1 && i.inputs() >= 1, "takes 1 output and 1 or more inputs");
  const Tensor& y = i.out(0);
  const int64_t axis = i.integer(ATTR_CONCAT_AXIS);
  i.require(axis >= 0 && axis < y.rank, "there is no such axis");
  int64_t rows = 1, run = 1, joined = 0;
  for (int d = 0; d < axis; ++d) rows *= y.dims[d];
  for (int d = int(axis) + 1; d < y.rank; ++d) run *= y.dims[d];
  ConcatShape s{rows, y.dims[axis] * run, {}};
  for (int k = 0; k < i.inputs(); ++k) {
    const Tensor& x = i.in(k);
    i.require(x.rank == y.rank && x.dtype == y.dtype, "rank or dtype differ");
    for (int d = 0; d < y.rank; ++d)
      i.require(d == axis || x.dims[d] == y.dims[d], "shapes differ off the axis");
    s.widths[k] = x.dims[axis] * run;
    joined += x.dims[axis];
  }
  i.require(joined == y.dims[axis], "the operands do not fill the output");
  return s;
}

}  // namespace easel
