// binary(fn; a, b) with NumPy broadcasting.
#include "packs.h"
#include "walk.h"

namespace easel {
namespace {

// y's axes, with the strides of the operands; 0 where one is repeated.
Walk plan(const Instruction& i, const Tensor& y, const Tensor& a, const Tensor& b) {
  i.require(a.rank <= y.rank && b.rank <= y.rank, "an operand has more axes than the output");
  int64_t at_a[EASEL_MAX_RANK], at_b[EASEL_MAX_RANK], step_a = 1, step_b = 1;
  for (int d = y.rank - 1; d >= 0; --d) {
    const int64_t n = y.dims[d];
    const int da = d - y.rank + a.rank, db = d - y.rank + b.rank;
    const int64_t na = da >= 0 ? a.dims[da] : 1, nb = db >= 0 ? b.dims[db] : 1;
    i.require((na == n || na == 1) && (nb == n || nb == 1) && (na == n || nb == n), "cannot be broadcast");
    at_a[d] = na == n ? step_a : 0;
    at_b[d] = nb == n ? step_b : 0;
    step_a *= na;
    step_b *= nb;
  }
  return make_walk(y.rank, y.dims, at_a, at_b);
}

}  // namespace

Run prepare_binary(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &y = i.out(0), &a = i.in(0), &b = i.in(1);
  const int64_t fn = i.integer(ATTR_BINARY_FN);
  i.require(fn >= 0 && fn <= BINARY_MAXIMUM, "there is no such function");
  i.require(a.dtype == y.dtype && b.dtype == y.dtype, "operands need one dtype");
  if (y.dtype == EASEL_I32)
    i.require(fn != BINARY_DIV, "i32 has no division");
  else
    i.require_float(y);
  const Walk w = plan(i, y, a, b);
  return launch(i, kernel_name("binary", y.dtype), {.grid = pack_blocks(i, y)}, y.data, a.data, b.data, w,
                int32_t(fn));
}

}  // namespace easel
