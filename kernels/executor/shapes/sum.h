// sum(x[, scale]; axes, squares, shift).
#pragma once
#include <array>

#include "../instruction.h"

namespace easel {

// x's axes, neighbours merged that are summed both or kept both: the two kinds take turns. Axes of size 1 are
// left out.
struct SumShape {
  int rank;
  std::array<int64_t, EASEL_MAX_RANK> sides;
  int64_t mask;  // bits of the axes that are summed
  bool squares;  // (x scale)^2 + shift is summed
  float shift;
  const float* scale;  // where the backend has it; null where it is 1
};

SumShape sum_shape(const Instruction& i);

}  // namespace easel
