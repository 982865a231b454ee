// The checks of matmul.
#include "matmul.h"

namespace easel {

MatmulShape matmul_shape(const Instruction& i) {
  const Tensor &a = i.in(0), &b = i.in(1), &y = i.out(0);
  const int rank = a.rank;
  i.require((rank == 2 || rank == 3) && b.rank == rank && y.rank == rank, "wants two matrices or two stacks");
  i.require_float(a);
  i.require(b.dtype == a.dtype && y.dtype == a.dtype, "operands need one dtype");
  const int64_t batch = rank == 3 ? a.dims[0] : 1;
  i.require(rank == 2 || (b.dims[0] == batch && y.dims[0] == batch), "the stacks differ in height");
  const bool trans_a = i.attr(ATTR_MATMUL_TRANS_A) != 0, trans_b = i.attr(ATTR_MATMUL_TRANS_B) != 0;
  const int64_t *da = a.dims + rank - 2, *db = b.dims + rank - 2, *dy = y.dims + rank - 2;
  const MatmulShape s{batch, da[trans_a ? 1 : 0], db[trans_b ? 0 : 1], da[trans_a ? 0 : 1], trans_a, trans_b};
  i.require(db[trans_b ? 1 : 0] == s.K, "inner sizes differ");
  i.require(dy[0] == s.M && dy[1] == s.N, "the output has another shape");
  return s;
}

}  // namespace easel
