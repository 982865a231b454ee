// matmul(a, b[, bias][, residual]; transA, transB, hasBias, hasResidual): one plain matrix product or a stack
// of them.
#include "product_plan.h"

namespace easel {

Run prepare_matmul(const Instruction& i) {
  const bool has_bias = i.attr(ATTR_MATMUL_HAS_BIAS) != 0,
             has_residual = i.attr(ATTR_MATMUL_HAS_RESIDUAL) != 0;
  i.require_counts(1, 2 + has_bias + has_residual);
  const Tensor &a = i.in(0), &b = i.in(1), &y = i.out(0);
  const int rank = a.rank;
  i.require((rank == 2 || rank == 3) && b.rank == rank && y.rank == rank, "wants two matrices or two stacks");
  i.require_float(a);
  for (int k = 1; k < i.inputs(); ++k) i.require(i.in(k).dtype == a.dtype, "operands need one dtype");
  i.require(y.dtype == a.dtype, "operands need one dtype");
  const int64_t *da = a.dims + rank - 2, *db = b.dims + rank - 2, *dy = y.dims + rank - 2;
  ProductPlan p;
  p.dtype = a.dtype;
  p.trans_a = i.attr(ATTR_MATMUL_TRANS_A) != 0;
  p.trans_b = i.attr(ATTR_MATMUL_TRANS_B) != 0;
  if (rank == 3) p.batch = a.dims[0];
  i.require(rank == 2 || (b.dims[0] == p.batch && y.dims[0] == p.batch), "the stacks differ in height");
  p.M = da[p.trans_a ? 1 : 0];
  p.K = da[p.trans_a ? 0 : 1];
  p.N = db[p.trans_b ? 0 : 1];
  i.require(db[p.trans_b ? 1 : 0] == p.K, "inner sizes differ");
  i.require(dy[0] == p.M && dy[1] == p.N, "the output has another shape");
  p.lda = da[1], p.ldb = db[1], p.ldy = p.N;
  if (p.batch > 1) p.a_outer = p.M * p.K, p.b_outer = p.K * p.N, p.y_outer = p.M * p.N;
  p.a = a.data, p.b = b.data, p.y = y.data;
  if (has_bias) {
    const Tensor& bias = i.in(2);
    i.require(bias.rank == 1 && bias.dims[0] == p.N, "bias must be (N)");
    p.bias = bias.data;
  }
  if (has_residual) {
    const Tensor& residual = i.in(2 + has_bias);
    i.require_same(residual, y);
    p.residual = residual.data;
  }
  return prepare_product(i, p);
}

}  // namespace easel
