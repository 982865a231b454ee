// concat(a, b, ...; axis).
#include "concat.h"

#include "../../executor/shapes/moves/concat.h"
#include "../arrays/packs.h"

namespace easel {

Run prepare_concat(const Instruction& i) {
  const ConcatShape shape = concat_shape(i);
  const Tensor& y = i.out(0);
  const int64_t size = dtype_bytes(y.dtype);
  Unit unit;
  unit.address(y.data);
  for (int k = 0; k < i.inputs(); ++k) unit.address(i.in(k).data).size(shape.widths[k] * size);
  const int64_t n = unit.bytes() / size;
  Parts s{shape.rows, shape.whole / n, {}, {}};
  for (int64_t k = 0, end = 0; k < i.inputs(); ++k) {
    s.data[k] = i.in(int(k)).data;
    s.ends[k] = end += shape.widths[k] / n;
  }
  return launch(i, unit.kernel("concat"), {.grid = blocks(i, s.rows * s.whole)}, y.data, s);
}

}  // namespace easel
