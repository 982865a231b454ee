// concat(a, b, ...; axis): runs of bytes, row by row. Memory-bound.
#include <cstring>

#include "kernel.h"

namespace easel {
namespace {

struct Parts {
  int64_t count, rows, whole;
  int64_t bytes[EASEL_MAX_OPERANDS];
  const char* data[EASEL_MAX_OPERANDS];
};

}  // namespace

inline namespace EASEL_ISA {

Run prepare_concat(const Instruction& i) {
  i.require(i.outputs() == 1 && i.inputs() >= 1, "takes 1 output and 1 or more inputs");
  const Tensor& y = i.out(0);
  const int64_t axis = i.integer(ATTR_CONCAT_AXIS);
  i.require(axis >= 0 && axis < y.rank, "there is no such axis");
  Parts s{i.inputs(), 1, 0, {}, {}};
  int64_t run = dtype_bytes(y.dtype), joined = 0;
  for (int d = 0; d < axis; ++d) s.rows *= y.dims[d];
  for (int d = int(axis) + 1; d < y.rank; ++d) run *= y.dims[d];
  for (int k = 0; k < i.inputs(); ++k) {
    const Tensor& x = i.in(k);
    i.require(x.rank == y.rank && x.dtype == y.dtype, "rank or dtype differ");
    for (int d = 0; d < y.rank; ++d)
      i.require(d == axis || x.dims[d] == y.dims[d], "shapes differ off the axis");
    s.bytes[k] = x.dims[axis] * run;
    s.data[k] = x.data;
    joined += x.dims[axis];
  }
  i.require(joined == y.dims[axis], "the operands do not fill the output");
  s.whole = y.dims[axis] * run;
  return [=, p = y.data] {
    parallel_for(s.rows, (1 << 17) / (s.whole + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        char* row = p + r * s.whole;
        for (int64_t k = 0; k < s.count; row += s.bytes[k++])
          std::memcpy(row, s.data[k] + r * s.bytes[k], size_t(s.bytes[k]));
      }
    });
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
