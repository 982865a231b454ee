// The checks of geglu and its gradient.
#include "geglu.h"

namespace easel {
namespace {

GegluShape shape(const Instruction& i, const Tensor& half, const Tensor& full) {
  i.require_float(half);
  i.require(half.dtype == full.dtype && half.rank == full.rank && full.rank > 0, "rank or dtype differ");
  i.require(half.last() * 2 == full.last() && std::equal(half.dims, half.dims + half.rank - 1, full.dims),
            "wants (..., C) and (..., 2C)");
  return {half.rows(), half.last()};
}

}  // namespace

GegluShape geglu_shape(const Instruction& i) {
  i.require_counts(1, 1);
  return shape(i, i.out(0), i.in(0));
}

GegluShape geglu_backward_shape(const Instruction& i) {
  i.require_counts(1, 2);
  i.require_same(i.out(0), i.in(1));
  return shape(i, i.in(0), i.in(1));
}

}  // namespace easel
