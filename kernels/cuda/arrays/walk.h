// How an output's elements find their operands' when these are repeated or reordered; made by the host,
// walked by the kernels.
#pragma once
#include "../../pointwise.h"

namespace easel {

// The output's axes after merging: `outer` ones, outermost first, then the innermost. Strides of two operands
// in elements, 0 where the operand is repeated.
struct Walk {
  int64_t count = 1, inner = 1, inner_a = 1, inner_b = 1;
  int64_t sides[EASEL_MAX_RANK] = {}, a[EASEL_MAX_RANK] = {}, b[EASEL_MAX_RANK] = {};
  int32_t outer = 0, pad = 0;
};

// Axes of one tensor, outermost first, and their strides in elements.
struct Axes {
  int64_t count = 1;
  int64_t sides[EASEL_MAX_RANK] = {}, steps[EASEL_MAX_RANK] = {};
  int32_t rank = 0, pad = 0;

  void add(int64_t side, int64_t step) {
    sides[rank] = side;
    steps[rank++] = step;
    count *= side;
  }
  EASEL_FN int64_t offset(int64_t k) const {
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; --d) {
      at += k % sides[d] * steps[d];
      k /= sides[d];
    }
    return at;
  }
};

// The walk over axes (outermost first) of which both operands' strides are given, neighbours merged that both
// operands walk alike (walk.cpp).
Walk make_walk(int rank, const int64_t* sides, const int64_t* a, const int64_t* b);

}  // namespace easel
