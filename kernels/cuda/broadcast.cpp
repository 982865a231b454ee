// broadcast(x; d0..d4): axes of size 1 repeated. The kernels are gather's.
#include "gather.h"

namespace easel {

Run prepare_broadcast(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  int64_t from[EASEL_MAX_RANK], none[EASEL_MAX_RANK] = {}, step = 1;
  for (int d = y.rank - 1; d >= 0; --d) {
    i.require(x.dims[d] == 1 || x.dims[d] == y.dims[d], "cannot be broadcast");
    from[d] = x.dims[d] == 1 ? 0 : step;
    step *= x.dims[d];
  }
  return gather(i, y, x, 0, make_walk(y.rank, y.dims, from, none));
}

}  // namespace easel
