// The checks of embedding and its gradient.
#include "embedding.h"

namespace easel {

EmbeddingShape embedding_shape(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &y = i.out(0), &table = i.in(0), &ids = i.in(1);
  i.require(table.rank == 2 && ids.dtype == EASEL_I32 && y.dtype == table.dtype, "wants (V, C) and i32 ids");
  i.require(y.count() == ids.count() * table.dims[1], "the output is not (..., C)");
  return {ids.count(), table.dims[0], table.dims[1]};
}

EmbeddingShape embedding_backward_shape(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dt = i.out(0), &dy = i.in(0), &ids = i.in(1);
  i.require(dt.rank == 2 && ids.dtype == EASEL_I32 && dt.dtype == dy.dtype, "wants (rows, C) and i32 ids");
  i.require_float(dt);
  i.require(i.integer(ATTR_EMBEDDING_BACKWARD_ROWS) == dt.dims[0], "the rows differ");
  i.require(dy.count() == ids.count() * dt.dims[1], "dy is not (..., C)");
  return {ids.count(), dt.dims[0], dt.dims[1]};
}

std::string unknown_id(int64_t id, int64_t position, int64_t rows) {
  return "id " + std::to_string(id) + " at position " + std::to_string(position) + " is not in a table of " +
         std::to_string(rows) + " rows";
}

}  // namespace easel
