// The checks of bias and residual.
#include "addends.h"

namespace easel {

Addends addends(const Instruction& i, int has_bias, int has_residual, int more) {
  const bool bias = i.attr(has_bias) != 0, residual = i.attr(has_residual) != 0;
  i.require_counts(1, 2 + bias + residual + more);
  const Tensor& y = i.out(0);
  Addends a;
  if (bias) {
    a.bias = &i.in(2);
    i.require(a.bias->dtype == y.dtype, "operands need one dtype");
    i.require(a.bias->rank == 1 && a.bias->dims[0] == y.last(), "bias must have the size of y's last axis");
  }
  if (residual) {
    a.residual = &i.in(2 + bias);
    i.require_same(*a.residual, y);
  }
  return a;
}

}  // namespace easel
