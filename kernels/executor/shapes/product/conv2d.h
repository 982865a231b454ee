// conv2d on channels-last pictures and its two gradients.
#pragma once
#include "../../instruction.h"

namespace easel {

// x (N, H, W, I), w (O, I, KH, KW), y (N, height, width, O).
struct Conv2dShape {
  int64_t N, H, W, I, height, width, O, KH, KW, stride, top, left, bottom, right;
  // Whether it is the matrix product of (N H W, I) and w.
  bool is_product() const { return KH == 1 && KW == 1 && stride == 1 && !padded(); }
  bool padded() const { return top || left || bottom || right; }
  int64_t taps() const { return KH * KW; }
};

// x, w and y stand for their gradients too; the attributes begin alike in all three ops.
// wide: w of float32 may stand with x of bf16, to which it is rounded as it is read.
Conv2dShape conv2d_shape(const Instruction& i, const Tensor& x, const Tensor& w, const Tensor& y,
                         bool wide = false);

// conv2dAccumulate(target f32, dy, x; geometry, kernelHeight, kernelWidth, fresh); the target as weights of
// x's dtype.
struct AccumulateOperands {
  Tensor target;
  const Tensor &dy, &x;
};
AccumulateOperands conv2d_accumulate_operands(const Instruction& i);

}  // namespace easel
