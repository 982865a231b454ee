// embedding(table, ids) and its gradient.
#include "packs.h"

namespace easel {
namespace {

Fault unknown_id(const Instruction& i, int64_t rows) {
  return on_fault(i, [rows](int64_t id, int64_t position) {
    return "id " + std::to_string(id) + " at position " + std::to_string(position) +
           " is not in a table of " + std::to_string(rows) + " rows";
  });
}

// One block an id; threads for C units.
Shape shape_of(int64_t n, int64_t C) {
  return {.grid = {n}, .threads = int(std::min<int64_t>(256, (C + 31) / 32 * 32)), .shared = 0};
}

}  // namespace

// table (V, C), ids i32 (...) -> (..., C)
Run prepare_embedding(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &y = i.out(0), &table = i.in(0), &ids = i.in(1);
  i.require(table.rank == 2 && ids.dtype == EASEL_I32 && y.dtype == table.dtype, "wants (V, C) and i32 ids");
  i.require(y.count() == ids.count() * table.dims[1], "the output is not (..., C)");
  if (y.count() == 0) return nothing();
  const int64_t n = ids.count(), V = table.dims[0], bytes = table.dims[1] * dtype_bytes(table.dtype);
  Unit unit;
  unit.size(bytes).address(y.data).address(table.data);
  const int64_t C = bytes / unit.bytes();
  return launch(i, unit.kernel("embedding"), shape_of(n, C), y.data, table.data, ids.data, n, V, C,
                unknown_id(i, V));
}

// embeddingBackward(dy (..., C), ids; rows) -> (rows, C)
Run prepare_embedding_backward(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dt = i.out(0), &dy = i.in(0), &ids = i.in(1);
  i.require(dt.rank == 2 && ids.dtype == EASEL_I32 && dt.dtype == dy.dtype, "wants (rows, C) and i32 ids");
  i.require(i.integer(ATTR_EMBEDDING_BACKWARD_ROWS) == dt.dims[0], "the rows differ");
  i.require(dy.count() == ids.count() * dt.dims[1], "dy is not (..., C)");
  i.require_float(dt);
  if (dt.count() == 0) return nothing();
  const int64_t n = ids.count(), V = dt.dims[0], C = dt.dims[1];
  Shape shape = shape_of(n, C);
  shape.shared = sizeof(int32_t);
  return sequence(
      {zero(i, dt.data, size_t(dt.bytes())), launch(i, kernel_name("embedding_backward", dt.dtype), shape,
                                                    dt.data, dy.data, ids.data, n, V, C, unknown_id(i, V))});
}

}  // namespace easel
