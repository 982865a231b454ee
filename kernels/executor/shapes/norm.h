// groupNorm, layerNorm and their gradients. Gamma, beta and their gradients are (C) in x's dtype; mean and
// rstd are f32, one for each group of each picture, or for each row.
#pragma once
#include "../instruction.h"

namespace easel {

// x (N, P, C): P pixels, G groups of `width` channels.
struct GroupNormShape {
  int64_t N, P, C, G, width;
  float eps;
  bool silu;
};
GroupNormShape group_norm_shape(const Instruction& i);  // x, gamma, beta -> y, mean, rstd
GroupNormShape group_norm_backward_shape(
    const Instruction& i);  // dy, x, gamma, beta, mean, rstd[, residual] -> dx
GroupNormShape group_norm_backward_params_shape(const Instruction& i);  // dy, .. rstd -> dgamma, dbeta

// x (M, C)
struct LayerNormShape {
  int64_t M, C;
};
LayerNormShape layer_norm_shape(const Instruction& i);           // x, gamma, beta -> y, mean, rstd
LayerNormShape layer_norm_backward_shape(const Instruction& i);  // dy, x, gamma, mean, rstd[, residual] -> dx
LayerNormShape layer_norm_backward_params_shape(const Instruction& i);  // dy, .. rstd -> dgamma, dbeta
// What is added to dx, null where nothing is: the operand behind those of the gradient.
const Tensor* norm_residual(const Instruction& i, int operands);

}  // namespace easel
