// embedding(table, ids): rows by number; and the gradient, which adds rows up in order of position.
// Memory-bound.
#include <cstring>

#include "kernel.h"

namespace easel {
namespace {

void check_ids(const int32_t* ids, int64_t n, int64_t rows) {
  for (int64_t k = 0; k < n; ++k)
    if (ids[k] < 0 || ids[k] >= rows)
      throw std::runtime_error("id " + std::to_string(ids[k]) + " at position " + std::to_string(k) +
                               " is not in a table of " + std::to_string(rows) + " rows");
}

}  // namespace

inline namespace EASEL_ISA {

// table (V, C), ids i32 (...) -> (..., C)
Run prepare_embedding(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &y = i.out(0), &table = i.in(0), &ids = i.in(1);
  i.require(table.rank == 2 && ids.dtype == EASEL_I32 && y.dtype == table.dtype, "wants (V, C) and i32 ids");
  i.require(y.count() == ids.count() * table.dims[1], "the output is not (..., C)");
  const int64_t n = ids.count(), rows = table.dims[0], bytes = table.dims[1] * dtype_bytes(table.dtype);
  return [=, p = y.data, t = table.data, id = ids.as<int32_t>()] {
    check_ids(id, n, rows);
    for (int64_t k = 0; k < n; ++k) std::memcpy(p + k * bytes, t + id[k] * bytes, size_t(bytes));
  };
}

// embeddingBackward(dy (..., C), ids; rows) -> (rows, C). Threads share out columns, so no two add to one
// element.
Run prepare_embedding_backward(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dt = i.out(0), &dy = i.in(0), &ids = i.in(1);
  i.require(dt.rank == 2 && ids.dtype == EASEL_I32 && dt.dtype == dy.dtype, "wants (rows, C) and i32 ids");
  i.require(i.integer(ATTR_EMBEDDING_BACKWARD_ROWS) == dt.dims[0], "the rows differ");
  i.require(dy.count() == ids.count() * dt.dims[1], "dy is not (..., C)");
  const int64_t n = ids.count(), rows = dt.dims[0], C = dt.dims[1];
  return dispatch(i, dt.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const Scratch sums = i.scratch(std::is_same_v<T, float> ? 0 : size_t(rows * C) * sizeof(float));
    return [=, p = dt.as<T>(), d = dy.as<T>(), id = ids.as<int32_t>()] {
      check_ids(id, n, rows);
      float* s;
      if constexpr (std::is_same_v<T, float>)
        s = p;
      else
        s = sums.template get<float>();
      parallel_for(rows * C, 1 << 16,
                   [=](int64_t begin, int64_t end) { std::fill(s + begin, s + end, 0.0f); });
      parallel_for(C, 64, [=](int64_t begin, int64_t end) {
        for (int64_t k = 0; k < n; ++k) {
          float* row = s + id[k] * C;
#pragma omp simd
          for (int64_t c = begin; c < end; ++c) row[c] += to_float(d[k * C + c]);
        }
      });
      if constexpr (!std::is_same_v<T, float>)
        parallel_for(rows * C, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
          for (int64_t k = begin; k < end; ++k) p[k] = from_float<T>(s[k]);
        });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
