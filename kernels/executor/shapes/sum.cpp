// The checks of sum, and the merging of its axes.
#include "sum.h"

namespace easel {

SumShape sum_shape(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t mask = i.integer(ATTR_SUM_AXES);
  i.require(x.rank == y.rank && x.dtype == y.dtype, "rank or dtype differ");
  i.require(mask >= 0 && mask < int64_t(1) << x.rank, "there is no such axis");
  i.require_float(x);
  SumShape s{};
  for (int d = 0; d < x.rank; ++d) {
    const bool summed = mask & (int64_t(1) << d);
    i.require(y.dims[d] == (summed ? 1 : x.dims[d]), "the output has another shape");
    if (s.rank && bool(s.mask & (int64_t(1) << (s.rank - 1))) == summed) {
      s.sides[s.rank - 1] *= x.dims[d];
    } else if (x.dims[d] != 1) {
      if (summed) s.mask |= int64_t(1) << s.rank;
      s.sides[s.rank++] = x.dims[d];
    }
  }
  return s;
}

}  // namespace easel
