// embedding(table, ids): rows by number; and the gradient, which adds rows up in order of position.
// Memory-bound.
#include "../../executor/shapes/moves/embedding.h"

#include <cstring>

#include "../kernel.h"

namespace easel {
namespace {

void check_ids(const int32_t* ids, int64_t n, int64_t rows) {
  for (int64_t k = 0; k < n; ++k)
    if (ids[k] < 0 || ids[k] >= rows) throw std::runtime_error(unknown_id(ids[k], k, rows));
}

}  // namespace

inline namespace EASEL_ISA {

// table (V, C), ids i32 (...) -> (..., C)
Run prepare_embedding(const Instruction& i) {
  const EmbeddingShape s = embedding_shape(i);
  const Tensor &y = i.out(0), &table = i.in(0), &ids = i.in(1);
  const int64_t n = s.ids, rows = s.rows, bytes = s.C * dtype_bytes(table.dtype);
  return [=, p = y.data, t = table.data, id = ids.as<int32_t>()] {
    check_ids(id, n, rows);
    for (int64_t k = 0; k < n; ++k) std::memcpy(p + k * bytes, t + id[k] * bytes, size_t(bytes));
  };
}

// embeddingBackward(dy (..., C), ids; rows) -> (rows, C). Threads share out columns, so no two add to one
// element.
Run prepare_embedding_backward(const Instruction& i) {
  const EmbeddingShape s = embedding_backward_shape(i);
  const Tensor &dt = i.out(0), &dy = i.in(0), &ids = i.in(1);
  const int64_t n = s.ids, rows = s.rows, C = s.C;
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
