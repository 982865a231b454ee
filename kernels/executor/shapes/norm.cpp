// The checks of the normalisations and their gradients.
#include "norm.h"

namespace easel {
namespace {

void require_channels(const Instruction& i, const Tensor& x, std::initializer_list<const Tensor*> operands) {
  for (const Tensor* p : operands)
    i.require(p->dtype == x.dtype && p->count() == x.last(), "gamma and beta must be (C) in x's dtype");
}

GroupNormShape groups(const Instruction& i, const Tensor& x, const Tensor& mean, const Tensor& rstd) {
  i.require_float(x);
  const int64_t G = i.integer(ATTR_GROUP_NORM_GROUPS), C = x.last();  // the attributes are alike in all three
  i.require(x.rank >= 2 && x.count() > 0, "is empty");
  i.require(G > 0 && C % G == 0, "the channels do not divide into the groups");
  const int64_t N = x.dims[0];
  for (const Tensor* t : {&mean, &rstd})
    i.require(t->dtype == EASEL_F32 && t->count() == N * G, "mean and rstd must be f32 (N, groups)");
  return {N,
          x.count() / N / C,
          C,
          G,
          C / G,
          float(i.attr(ATTR_GROUP_NORM_EPS)),
          i.attr(ATTR_GROUP_NORM_SILU) != 0};
}

GroupNormShape backward_groups(const Instruction& i) {
  const Tensor &dy = i.in(0), &x = i.in(1);
  i.require_same(dy, x);
  require_channels(i, x, {&i.in(2), &i.in(3)});
  return groups(i, x, i.in(4), i.in(5));
}

LayerNormShape rows(const Instruction& i, const Tensor& x, const Tensor& mean, const Tensor& rstd) {
  i.require_float(x);
  i.require(x.rank >= 1 && x.last() > 0, "is empty");
  for (const Tensor* t : {&mean, &rstd})
    i.require(t->dtype == EASEL_F32 && t->count() == x.rows(), "mean and rstd must be f32 (rows)");
  return {x.rows(), x.last()};
}

LayerNormShape backward_rows(const Instruction& i) {
  const Tensor &dy = i.in(0), &x = i.in(1);
  i.require_same(dy, x);
  require_channels(i, x, {&i.in(2)});
  return rows(i, x, i.in(3), i.in(4));
}

}  // namespace

GroupNormShape group_norm_shape(const Instruction& i) {
  i.require_counts(3, 3);
  const Tensor& x = i.in(0);
  i.require_same(i.out(0), x);
  require_channels(i, x, {&i.in(1), &i.in(2)});
  return groups(i, x, i.out(1), i.out(2));
}

const Tensor* norm_residual(const Instruction& i, int operands) {
  if (i.inputs() == operands) {
    i.require_counts(1, operands);
    return nullptr;
  }
  i.require_counts(1, operands + 1);
  i.require_same(i.in(operands), i.out(0));
  return &i.in(operands);
}

GroupNormShape group_norm_backward_shape(const Instruction& i) {
  norm_residual(i, 6);
  i.require_same(i.out(0), i.in(1));
  return backward_groups(i);
}

GroupNormShape group_norm_backward_params_shape(const Instruction& i) {
  i.require_counts(2, 6);
  require_channels(i, i.in(1), {&i.out(0), &i.out(1)});
  return backward_groups(i);
}

LayerNormShape layer_norm_shape(const Instruction& i) {
  i.require_counts(3, 3);
  const Tensor& x = i.in(0);
  i.require_same(i.out(0), x);
  require_channels(i, x, {&i.in(1), &i.in(2)});
  return rows(i, x, i.out(1), i.out(2));
}

LayerNormShape layer_norm_backward_shape(const Instruction& i) {
  norm_residual(i, 5);
  i.require_same(i.out(0), i.in(1));
  return backward_rows(i);
}

LayerNormShape layer_norm_backward_params_shape(const Instruction& i) {
  i.require_counts(2, 5);
  require_channels(i, i.in(1), {&i.out(0), &i.out(1)});
  return backward_rows(i);
}

}  // namespace easel
