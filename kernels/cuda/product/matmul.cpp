// matmul(a, b[, bias][, residual][, c, d]; transA, transB, hasBias, hasResidual, hasSecond): one plain matrix
// product or a stack of them, or two matrix products added up.
#include "../../executor/shapes/product/matmul.h"

#include "../../executor/shapes/product/addends.h"
#include "product_plan.h"

namespace easel {

namespace {

ProductPlan plan_of(const MatmulShape& s, const Tensor& a, const Tensor& b) {
  ProductPlan p;
  p.dtype = a.dtype;
  p.trans_a = s.trans_a, p.trans_b = s.trans_b;
  p.batch = s.batch, p.M = s.M, p.N = s.N, p.K = s.K;
  p.lda = a.last(), p.ldb = b.last(), p.ldy = s.N;
  if (p.batch > 1) p.a_outer = s.M * s.K, p.b_outer = s.K * s.N, p.y_outer = s.M * s.N;
  p.a = a.data, p.b = b.data;
  return p;
}

}  // namespace

Run prepare_matmul(const Instruction& i) {
  const SecondProduct second = second_product(i);
  const auto [bias, residual] = addends(i, ATTR_MATMUL_HAS_BIAS, ATTR_MATMUL_HAS_RESIDUAL, second.a ? 2 : 0);
  ProductPlan p = plan_of(matmul_shape(i), i.in(0), i.in(1));
  p.y = i.out(0).data;
  if (bias) p.bias = bias->data;
  if (residual) p.residual = residual->data;
  if (const auto& [shape, c, d] = second; c) {
    p.second_a = c->data, p.second_b = d->data;
    p.second_K = shape.K, p.second_lda = c->last(), p.second_ldb = d->last();
  }
  return prepare_product(i, p);
}

// matmulAccumulate(target f32, a, b; transA, transB, fresh)
Run prepare_matmul_accumulate(const Instruction& i) {
  ProductPlan p = plan_of(matmul_accumulate_shape(i), i.in(1), i.in(2));
  p.sums = i.in(0).data;
  p.add = p.split_sums = true;
  return freshly(i, ATTR_MATMUL_ACCUMULATE_FRESH, i.in(0), prepare_product(i, p));
}

}  // namespace easel
