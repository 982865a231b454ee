// unary(fn; x) and its gradient.
#include "packs.h"

namespace easel {
namespace {

int32_t function_of(const Instruction& i, int attribute) {
  const int64_t fn = i.integer(attribute);
  i.require(fn >= 0 && fn <= UNARY_RECIPROCAL, "there is no such function");
  return int32_t(fn);
}

}  // namespace

Run prepare_unary(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require_same(y, x);
  i.require_float(x);
  return launch(i, kernel_name("unary", y.dtype), {.grid = pack_blocks(i, y)}, y.data, x.data,
                function_of(i, ATTR_UNARY_FN), y.count());
}

// unaryBackward(fn; dy, x) = dy * fn'(x)
Run prepare_unary_backward(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  i.require_same(dx, x);
  i.require_same(dy, x);
  i.require_float(x);
  return launch(i, kernel_name("unary_backward", dx.dtype), {.grid = pack_blocks(i, dx)}, dx.data, dy.data,
                x.data, function_of(i, ATTR_UNARY_BACKWARD_FN), dx.count());
}

}  // namespace easel
