// The checks of matmul.
#include "matmul.h"

namespace easel {

namespace {

MatmulShape product_of(const Instruction& i, const Tensor& a, const Tensor& b, const Tensor& y, bool trans_a,
                       bool trans_b, bool wide = false) {
  const int rank = a.rank;
  i.require((rank == 2 || rank == 3) && b.rank == rank && y.rank == rank, "wants two matrices or two stacks");
  i.require_float(a);
  const bool rounded = wide && a.dtype == EASEL_BF16 && b.dtype == EASEL_F32;
  i.require(b.dtype == a.dtype || rounded, "operands need one dtype");
  const int64_t batch = rank == 3 ? a.dims[0] : 1;
  i.require(rank == 2 || (b.dims[0] == batch && y.dims[0] == batch), "the stacks differ in height");
  const int64_t *da = a.dims + rank - 2, *db = b.dims + rank - 2, *dy = y.dims + rank - 2;
  const MatmulShape s{batch, da[trans_a ? 1 : 0], db[trans_b ? 0 : 1], da[trans_a ? 0 : 1], trans_a, trans_b};
  i.require(db[trans_b ? 1 : 0] == s.K, "inner sizes differ");
  i.require(dy[0] == s.M && dy[1] == s.N, "the output has another shape");
  return s;
}

}  // namespace

MatmulShape matmul_shape(const Instruction& i, bool wide) {
  const Tensor &a = i.in(0), &b = i.in(1), &y = i.out(0);
  i.require(y.dtype == a.dtype, "operands need one dtype");
  return product_of(i, a, b, y, i.attr(ATTR_MATMUL_TRANS_A) != 0, i.attr(ATTR_MATMUL_TRANS_B) != 0, wide);
}

SecondProduct second_product(const Instruction& i) {
  if (!i.attr(ATTR_MATMUL_HAS_SECOND)) return {};
  const int at = 2 + (i.attr(ATTR_MATMUL_HAS_BIAS) != 0) + (i.attr(ATTR_MATMUL_HAS_RESIDUAL) != 0);
  const Tensor &a = i.in(at), &b = i.in(at + 1), &y = i.out(0);
  i.require(y.rank == 2 && y.dtype == a.dtype, "the second product is one of matrices of one dtype");
  return {product_of(i, a, b, y, i.attr(ATTR_MATMUL_TRANS_A) != 0, i.attr(ATTR_MATMUL_TRANS_B) != 0), &a, &b};
}

MatmulShape matmul_accumulate_shape(const Instruction& i) {
  i.require_counts(0, 3);
  const Tensor& target = i.in(0);
  i.require(target.dtype == EASEL_F32, "the target must be f32");
  return product_of(i, i.in(1), i.in(2), target, i.attr(ATTR_MATMUL_ACCUMULATE_TRANS_A) != 0,
                    i.attr(ATTR_MATMUL_ACCUMULATE_TRANS_B) != 0);
}

}  // namespace easel
