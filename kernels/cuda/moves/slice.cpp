// slice(x; axis, start, length) and its gradient: runs copied, or set into zeros.
#include "../../executor/shapes/moves/slice.h"

#include "../arrays/gather.h"
#include "../arrays/packs.h"

namespace easel {

Run prepare_slice(const Instruction& i) {
  const SliceShape s = slice_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t sides[] = {s.rows, s.part}, from[] = {s.whole, 1}, none[] = {0, 0};
  return gather(i, y, x, s.start, make_walk(2, sides, from, none));
}

// sliceBackward(dy; axis, start, full): dy in zeros
Run prepare_slice_backward(const Instruction& i) {
  const SliceShape s = slice_backward_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t size = dtype_bytes(y.dtype);
  Unit unit;
  unit.size(s.part * size).size(s.whole * size).size(s.start * size).address(y.data).address(x.data);
  const int64_t n = unit.bytes() / size;
  return launch(i, unit.kernel("slice_backward"), {.grid = blocks(i, y.count() / n)}, y.data, x.data, s.rows,
                s.whole / n, s.part / n, s.start / n);
}

}  // namespace easel
