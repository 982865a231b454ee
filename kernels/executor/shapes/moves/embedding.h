// embedding(table, ids) and its gradient.
#pragma once
#include "../../instruction.h"

namespace easel {

// `ids` numbers of rows of a table (rows, C).
struct EmbeddingShape {
  int64_t ids, rows, C;
};

EmbeddingShape embedding_shape(const Instruction& i);           // table, ids i32 (...) -> (..., C)
EmbeddingShape embedding_backward_shape(const Instruction& i);  // dy (..., C), ids -> (rows, C)

// What a run says of an id that is not in the table.
std::string unknown_id(int64_t id, int64_t position, int64_t rows);

}  // namespace easel
