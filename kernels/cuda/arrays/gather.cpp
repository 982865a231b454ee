// Chooses between copies of runs, of elements, and repetition of one.
#include "gather.h"

#include "packs.h"

namespace easel {

Run gather(const Instruction& i, const Tensor& y, const Tensor& x, int64_t start, const Walk& elements) {
  const int64_t size = dtype_bytes(y.dtype);
  const char* from = x.data + start * size;
  Walk w = elements;
  if (w.inner_a == 0 && w.inner % pack_of(y.dtype) == 0 && aligned16(y.data))
    return launch(i, "spread_" + std::to_string(size), {.grid = pack_blocks(i, y)}, y.data, from, w);
  Unit unit;
  if (w.inner_a == 1) {
    unit.size(w.inner * size).address(y.data).address(from);
    for (int d = 0; d < w.outer; ++d) unit.size(w.a[d] * size);
    const int64_t n = unit.bytes() / size;  // elements of a unit
    w.count /= n;
    w.inner /= n;
    for (int d = 0; d < w.outer; ++d) w.a[d] /= n;
  } else {
    unit.size(size);
  }
  return launch(i, unit.kernel("gather"), {.grid = blocks(i, w.count)}, y.data, from, w);
}

}  // namespace easel
