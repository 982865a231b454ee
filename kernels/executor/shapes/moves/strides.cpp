// The checks of binary's, broadcast's and permute's shapes, and the merging of axes.
#include "strides.h"

namespace easel {
namespace {

// Of a dense tensor along its own axes.
PerAxis dense(const Tensor& t) {
  PerAxis strides{};
  int64_t step = 1;
  for (int d = t.rank - 1; d >= 0; step *= t.dims[d--]) strides[d] = step;
  return strides;
}

}  // namespace

Strides binary_strides(const Instruction& i) {
  const Tensor &y = i.out(0), &a = i.in(0), &b = i.in(1);
  i.require(a.rank <= y.rank && b.rank <= y.rank, "an operand has more axes than the output");
  Strides s;
  int64_t step_a = 1, step_b = 1;
  for (int d = y.rank - 1; d >= 0; --d) {
    const int64_t n = y.dims[d];
    const int da = d - y.rank + a.rank, db = d - y.rank + b.rank;
    const int64_t na = da >= 0 ? a.dims[da] : 1, nb = db >= 0 ? b.dims[db] : 1;
    i.require((na == n || na == 1) && (nb == n || nb == 1) && (na == n || nb == n), "cannot be broadcast");
    s.a[d] = na == n ? step_a : 0;
    s.b[d] = nb == n ? step_b : 0;
    step_a *= na;
    step_b *= nb;
  }
  return s;
}

Strides broadcast_strides(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  Strides s{dense(x), {}};
  for (int d = 0; d < y.rank; ++d) {
    i.require(x.dims[d] == 1 || x.dims[d] == y.dims[d], "cannot be broadcast");
    if (x.dims[d] == 1) s.a[d] = 0;
  }
  return s;
}

Strides permute_strides(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  const PerAxis from = dense(x);
  Strides s{{}, dense(y)};
  int seen = 0;
  for (int d = 0; d < y.rank; ++d) {
    const int64_t p = i.integer(ATTR_PERMUTE_P0 + d);
    i.require(p >= 0 && p < x.rank && !(seen & 1 << p), "the order is no permutation");
    i.require(x.dims[p] == y.dims[d], "the output's shape is not the permuted one");
    seen |= 1 << p;
    s.a[d] = from[p];
  }
  return s;
}

Merged merge_axes(int rank, const int64_t* sides, const int64_t* a, const int64_t* b) {
  Merged m;
  for (int d = 0; d < rank; ++d) {
    if (sides[d] == 1) continue;
    const bool joins = m.rank && m.a[m.last()] == sides[d] * a[d] && m.b[m.last()] == sides[d] * b[d];
    if (joins)
      m.sides[m.last()] *= sides[d];
    else
      m.sides[m.rank++] = sides[d];
    m.a[m.last()] = a[d];
    m.b[m.last()] = b[d];
  }
  if (!m.rank) m = {1, {1}, {1}, {1}};
  return m;
}

}  // namespace easel
