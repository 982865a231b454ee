// A permutation as planes: x's last axis (rows, neighbours in x) against y's last (columns, neighbours in y).
#pragma once
#include "../arrays/walk.h"

namespace easel {

struct Plane {
  Axes from, to;  // the other axes: strides in x, and in y
  int64_t rows = 1, columns = 1, row_to = 0, column_from = 0;
};

// A tile is 128 bytes wide, a line, up to 64 elements.
EASEL_FN constexpr int tile_side(int64_t element) { return element == 4 ? 32 : 64; }
// The pad spreads a column over all banks of shared memory.
EASEL_FN constexpr int tile_pitch(int64_t element) { return tile_side(element) + 4 / int(element); }

}  // namespace easel
