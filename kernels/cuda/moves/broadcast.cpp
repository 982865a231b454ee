// broadcast(x; d0..d4): axes of size 1 repeated. The kernels are gather's.
#include "../../executor/shapes/moves/strides.h"
#include "../arrays/gather.h"

namespace easel {

Run prepare_broadcast(const Instruction& i) {
  const Strides s = broadcast_strides(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  return gather(i, y, x, 0, make_walk(y.rank, y.dims, s.a.data(), s.b.data()));
}

}  // namespace easel
