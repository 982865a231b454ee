// The checks of attention and its gradient.
#include "attention.h"

namespace easel {
namespace {

// The attributes are alike in both ops.
AttentionShape shape(const Instruction& i, const Tensor& q, const Tensor& k, const Tensor& lse) {
  i.require_float(q);
  const int64_t heads = i.integer(ATTR_ATTENTION_HEADS);
  i.require(q.rank == 3 && k.rank == 3 && heads > 0 && q.dims[2] % heads == 0, "wants (B, L, heads * width)");
  i.require(q.dims[0] == k.dims[0] && q.dims[2] == k.dims[2] && q.dtype == k.dtype,
            "batch, width or dtype differ");
  i.require(lse.dtype == EASEL_F32 && lse.count() == q.dims[0] * heads * q.dims[1],
            "lse has the wrong size or dtype");
  return {q.dims[0],
          q.dims[1],
          k.dims[1],
          heads,
          q.dims[2] / heads,
          float(i.attr(ATTR_ATTENTION_SCALE)),
          i.attr(ATTR_ATTENTION_CAUSAL) != 0};
}

}  // namespace

AttentionShape attention_shape(const Instruction& i) {
  i.require_counts(2, 3);
  i.require_same(i.in(0), i.out(0));
  i.require_same(i.in(1), i.in(2));
  return shape(i, i.in(0), i.in(1), i.out(1));
}

AttentionShape attention_backward_shape(const Instruction& i) {
  i.require_counts(3, 6);
  const Tensor &q = i.in(1), &k = i.in(2);
  for (const Tensor* t : {&i.in(0), &i.in(4), &i.out(0)}) i.require_same(*t, q);
  for (const Tensor* t : {&i.in(3), &i.out(1), &i.out(2)}) i.require_same(*t, k);
  return shape(i, q, k, i.in(5));
}

}  // namespace easel
