// upsampleNearest(x (N, H, W, C); height, width) and its gradient.
#include "upsample.h"

#include "packs.h"

namespace easel {
namespace {

Enlargement enlargement(const Instruction& i, const Tensor& small, const Tensor& large, const Tensor& out,
                        int height, int width) {
  i.require(small.rank == 4 && large.rank == 4 && small.dtype == large.dtype, "wants (N, H, W, C)");
  i.require(small.dims[0] == large.dims[0] && small.dims[3] == large.dims[3], "batch or channels differ");
  i.require(small.count() > 0, "is empty");
  i.require(out.dims[1] == i.integer(height) && out.dims[2] == i.integer(width),
            "the output has another size");
  for (const Tensor* t : {&small, &large})
    for (int d : {1, 2}) i.require(t->dims[d] <= INT32_MAX, "is too large");
  return {small.dims[0],
          small.dims[1],
          small.dims[2],
          large.dims[1],
          large.dims[2],
          small.dims[3],
          float(small.dims[1]) / float(large.dims[1]),
          float(small.dims[2]) / float(large.dims[2])};
}

}  // namespace

Run prepare_upsample_nearest(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  Enlargement e = enlargement(i, x, y, y, ATTR_UPSAMPLE_NEAREST_HEIGHT, ATTR_UPSAMPLE_NEAREST_WIDTH);
  const int64_t size = dtype_bytes(y.dtype);
  Unit unit;
  unit.size(e.C * size).address(y.data).address(x.data);
  const int64_t n = unit.bytes() / size;
  e.C /= n;
  return launch(i, unit.kernel("upsample_nearest"), {.grid = blocks(i, y.count() / n)}, y.data, x.data, e);
}

// upsampleNearestBackward(dy; height, width) -> dx (N, height, width, C), the source's size
Run prepare_upsample_nearest_backward(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &dx = i.out(0), &dy = i.in(0);
  i.require_float(dx);
  const Enlargement e =
      enlargement(i, dx, dy, dx, ATTR_UPSAMPLE_NEAREST_BACKWARD_HEIGHT, ATTR_UPSAMPLE_NEAREST_BACKWARD_WIDTH);
  return launch(i, kernel_name("upsample_nearest_backward", dx.dtype), {.grid = pack_blocks(i, dx)}, dx.data,
                dy.data, e);
}

}  // namespace easel
