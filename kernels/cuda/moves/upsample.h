// Which pixel of the small picture each of the large one copies.
#pragma once
#include "../../pointwise.h"

namespace easel {

struct Spot {
  int64_t n, row, column, c;
};

// Small (N, H, W, C), large (N, height, width, C).
struct Enlargement {
  int64_t N, H, W, height, width, C;
  float down_rows, down_columns;  // float(H) / float(height), float(W) / float(width)

  // Element k of a picture of rows x columns; by 32-bit divisions, which cost far less, where they will do.
  EASEL_FN Spot spot(int64_t k, int64_t rows, int64_t columns) const {
    if (k < int64_t(1) << 32) {
      const uint32_t all = uint32_t(k), pixel = all / uint32_t(C), line = pixel / uint32_t(columns);
      const uint32_t n = line / uint32_t(rows);
      return {n, line - n * uint32_t(rows), pixel - line * uint32_t(columns), all - pixel * uint32_t(C)};
    }
    const int64_t pixel = k / C, line = pixel / columns;
    return {line / rows, line % rows, pixel % columns, k % C};
  }
  // PyTorch computes the source index in float32: min(floor(i * (float(size) / target)), size - 1).
  static EASEL_FN int64_t source(int64_t at, int64_t size, float down) {
    const int64_t s = int64_t(floorf(float(at) * down));
    return s < size - 1 ? s : size - 1;
  }
  // The first of `target` indices whose source is `at` or later.
  static EASEL_FN int64_t first(int64_t at, int64_t size, int64_t target, float down) {
    int64_t t = int64_t(uint32_t(at) * uint64_t(target) / uint32_t(size)) - 1;
    if (t < 0) t = 0;
    while (t < target && source(t, size, down) < at) ++t;
    return t;
  }
  EASEL_FN int64_t source_row(int64_t at) const { return source(at, H, down_rows); }
  EASEL_FN int64_t source_column(int64_t at) const { return source(at, W, down_columns); }
  EASEL_FN int64_t first_row(int64_t at) const { return first(at, H, height, down_rows); }
  EASEL_FN int64_t first_column(int64_t at) const { return first(at, W, width, down_columns); }
};

}  // namespace easel
