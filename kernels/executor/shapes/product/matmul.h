// matmul(a, b[, bias][, residual][, c, d]; transA, transB, hasBias, hasResidual, hasSecond).
#pragma once
#include "../../instruction.h"

namespace easel {

// One matrix product or a stack of `batch`: a (M, K) times b (K, N), stored transposed where so said.
struct MatmulShape {
  int64_t batch, M, N, K;
  bool trans_a, trans_b;
};

// wide: b of float32 may stand with a of bf16, to which it is rounded as it is read.
MatmulShape matmul_shape(const Instruction& i, bool wide = false);
// The second product, op(c) op(d): its sizes and its operands, null where there is none.
struct SecondProduct {
  MatmulShape shape;
  const Tensor *a = nullptr, *b = nullptr;
};
SecondProduct second_product(const Instruction& i);
// matmulAccumulate(target f32, a, b; transA, transB, fresh).
MatmulShape matmul_accumulate_shape(const Instruction& i);

}  // namespace easel
