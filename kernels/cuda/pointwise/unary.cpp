// unary(fn; x) and its gradient.
#include "../../executor/shapes/pointwise.h"
#include "../arrays/packs.h"

namespace easel {

Run prepare_unary(const Instruction& i) {
  const int32_t fn = unary_function(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  return launch(i, kernel_name("unary", y.dtype), {.grid = pack_blocks(i, y)}, y.data, x.data, fn, y.count());
}

// unaryBackward(fn; dy, x) = dy * fn'(x)
Run prepare_unary_backward(const Instruction& i) {
  const int32_t fn = unary_backward_function(i);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  return launch(i, kernel_name("unary_backward", dx.dtype), {.grid = pack_blocks(i, dx)}, dx.data, dy.data,
                x.data, fn, dx.count());
}

}  // namespace easel
