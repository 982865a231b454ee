// The checks of upsampleNearest and its gradient.
#include "upsample.h"

namespace easel {
namespace {

// The attributes are the output's size in both ops.
UpsampleShape shape(const Instruction& i, const Tensor& small, const Tensor& large) {
  i.require(small.rank == 4 && large.rank == 4 && small.dtype == large.dtype, "wants (N, H, W, C)");
  i.require(small.dims[0] == large.dims[0] && small.dims[3] == large.dims[3], "batch or channels differ");
  i.require(small.count() > 0, "is empty");
  i.require(i.out(0).dims[1] == i.integer(ATTR_UPSAMPLE_NEAREST_HEIGHT) &&
                i.out(0).dims[2] == i.integer(ATTR_UPSAMPLE_NEAREST_WIDTH),
            "the output has another size");
  return {small.dims[0], small.dims[1], small.dims[2], large.dims[1], large.dims[2], small.dims[3]};
}

}  // namespace

UpsampleShape upsample_nearest_shape(const Instruction& i) {
  i.require_counts(1, 1);
  return shape(i, i.in(0), i.out(0));
}

UpsampleShape upsample_nearest_backward_shape(const Instruction& i) {
  i.require_counts(1, 1);
  i.require_float(i.out(0));
  return shape(i, i.out(0), i.in(0));
}

}  // namespace easel
