// The checks of sum, and the merging of its axes.
#include "sum.h"

namespace easel {

SumShape sum_shape(const Instruction& i) {
  i.require(i.outputs() == 1 && (i.inputs() == 1 || i.inputs() == 2), "it has another number of operands");
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t mask = i.integer(ATTR_SUM_AXES);
  i.require(x.rank == y.rank && x.dtype == y.dtype, "rank or dtype differ");
  i.require(mask >= 0 && mask < int64_t(1) << x.rank, "there is no such axis");
  i.require_float(x);
  SumShape s{};
  s.squares = i.integer(ATTR_SUM_SQUARES) != 0, s.shift = float(i.attr(ATTR_SUM_SHIFT));
  i.require(s.squares ? x.dtype == EASEL_F32 : i.inputs() == 1, "only squares are scaled, and only of f32");
  if (i.inputs() == 2) {
    i.require(i.in(1).dtype == EASEL_F32 && i.in(1).count() == 1, "the scale is not one f32");
    s.scale = i.in(1).as<float>();
  }
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
