// upsampleNearest(x (N, H, W, C); height, width) and its gradient.
#include "upsample.h"

#include "../../executor/shapes/moves/upsample.h"
#include "../arrays/packs.h"

namespace easel {
namespace {

// Within what the kernels' 32-bit divisions reach.
Enlargement enlargement(const Instruction& i, const UpsampleShape& s) {
  for (const int64_t side : {s.H, s.W, s.height, s.width}) i.require(side <= INT32_MAX, "is too large");
  return {s.N, s.H, s.W, s.height, s.width, s.C, float(s.H) / float(s.height), float(s.W) / float(s.width)};
}

}  // namespace

Run prepare_upsample_nearest(const Instruction& i) {
  Enlargement e = enlargement(i, upsample_nearest_shape(i));
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t size = dtype_bytes(y.dtype);
  Unit unit;
  unit.size(e.C * size).address(y.data).address(x.data);
  const int64_t n = unit.bytes() / size;
  e.C /= n;
  return launch(i, unit.kernel("upsample_nearest"), {.grid = blocks(i, y.count() / n)}, y.data, x.data, e);
}

// upsampleNearestBackward(dy; height, width) -> dx (N, height, width, C), the source's size
Run prepare_upsample_nearest_backward(const Instruction& i) {
  const Enlargement e = enlargement(i, upsample_nearest_backward_shape(i));
  const Tensor &dx = i.out(0), &dy = i.in(0);
  return launch(i, kernel_name("upsample_nearest_backward", dx.dtype), {.grid = pack_blocks(i, dx)}, dx.data,
                dy.data, e);
}

}  // namespace easel
