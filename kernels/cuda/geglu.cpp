// geglu and its gradient: one thread an output element.
#include "kernel.h"

namespace easel {
namespace {

void check(const Instruction& i, const Tensor& half, const Tensor& full) {
  i.require_float(half);
  i.require(half.dtype == full.dtype && half.rank == full.rank && full.rank > 0, "rank or dtype differ");
  i.require(half.last() * 2 == full.last() && std::equal(half.dims, half.dims + half.rank - 1, full.dims),
            "wants (..., C) and (..., 2C)");
}

}  // namespace

Run prepare_geglu(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  check(i, y, x);
  const int64_t M = y.rows(), C = y.last();
  return launch(i, kernel_name("geglu", y.dtype), {.grid = blocks(i, M * C)}, y.data, x.data, M, C);
}

Run prepare_geglu_backward(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  check(i, dy, x);
  i.require_same(dx, x);
  const int64_t M = dy.rows(), C = dy.last();
  return launch(i, kernel_name("geglu_backward", dx.dtype), {.grid = blocks(i, M * C)}, dx.data, dy.data,
                x.data, M, C);
}

}  // namespace easel
