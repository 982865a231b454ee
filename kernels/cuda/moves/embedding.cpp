// embedding(table, ids) and its gradient.
#include "../../executor/shapes/moves/embedding.h"

#include "../arrays/packs.h"

namespace easel {
namespace {

Fault fault(const Instruction& i, int64_t rows) {
  return on_fault(i, [rows](int64_t id, int64_t position) { return unknown_id(id, position, rows); });
}

// One block an id; threads for C units.
Shape shape_of(int64_t n, int64_t C) {
  return {.grid = {n}, .threads = int(std::min<int64_t>(256, (C + 31) / 32 * 32)), .shared = 0};
}

}  // namespace

// table (V, C), ids i32 (...) -> (..., C)
Run prepare_embedding(const Instruction& i) {
  const EmbeddingShape s = embedding_shape(i);
  const Tensor &y = i.out(0), &table = i.in(0), &ids = i.in(1);
  if (y.count() == 0) return nothing();
  const int64_t bytes = s.C * dtype_bytes(table.dtype);
  Unit unit;
  unit.size(bytes).address(y.data).address(table.data);
  const int64_t C = bytes / unit.bytes();
  return launch(i, unit.kernel("embedding"), shape_of(s.ids, C), y.data, table.data, ids.data, s.ids, s.rows,
                C, fault(i, s.rows));
}

// embeddingBackward(dy (..., C), ids; rows) -> (rows, C)
Run prepare_embedding_backward(const Instruction& i) {
  const EmbeddingShape s = embedding_backward_shape(i);
  const Tensor &dt = i.out(0), &dy = i.in(0), &ids = i.in(1);
  if (dt.count() == 0) return nothing();
  Shape shape = shape_of(s.ids, s.C);
  shape.shared = sizeof(int32_t);
  return sequence({zero(i, dt.data, size_t(dt.bytes())),
                   launch(i, kernel_name("embedding_backward", dt.dtype), shape, dt.data, dy.data, ids.data,
                          s.ids, s.rows, s.C, fault(i, s.rows))});
}

}  // namespace easel
