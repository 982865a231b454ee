// concat(a, b, ...; axis).
#include "concat.h"

#include "packs.h"

namespace easel {

Run prepare_concat(const Instruction& i) {
  i.require(i.outputs() == 1 && i.inputs() >= 1, "takes 1 output and 1 or more inputs");
  const Tensor& y = i.out(0);
  const int64_t axis = i.integer(ATTR_CONCAT_AXIS), size = dtype_bytes(y.dtype);
  i.require(axis >= 0 && axis < y.rank, "there is no such axis");
  Parts s{};
  int64_t run = 1, joined = 0;
  s.rows = 1;
  for (int d = 0; d < axis; ++d) s.rows *= y.dims[d];
  for (int d = int(axis) + 1; d < y.rank; ++d) run *= y.dims[d];
  Unit unit;
  unit.address(y.data);
  for (int k = 0; k < i.inputs(); ++k) {
    const Tensor& x = i.in(k);
    i.require(x.rank == y.rank && x.dtype == y.dtype, "rank or dtype differ");
    for (int d = 0; d < y.rank; ++d)
      i.require(d == axis || x.dims[d] == y.dims[d], "shapes differ off the axis");
    unit.address(x.data).size(x.dims[axis] * run * size);
    joined += x.dims[axis];
    s.data[k] = x.data;
    s.ends[k] = joined * run;
  }
  i.require(joined == y.dims[axis], "the operands do not fill the output");
  const int64_t n = unit.bytes() / size;
  for (int k = 0; k < i.inputs(); ++k) s.ends[k] /= n;
  s.whole = joined * run / n;
  return launch(i, unit.kernel("concat"), {.grid = blocks(i, s.rows * s.whole)}, y.data, s);
}

}  // namespace easel
