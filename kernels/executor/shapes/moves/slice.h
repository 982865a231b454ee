// slice(x; axis, start, length) and its gradient.
#pragma once
#include "../../instruction.h"

namespace easel {

// Rows of `whole` elements, of which the part has those from `start` on. Rows: the axes before the sliced
// one.
struct SliceShape {
  int64_t rows, part, whole, start;
};

SliceShape slice_shape(const Instruction& i);           // x -> its part
SliceShape slice_backward_shape(const Instruction& i);  // dy -> dy in zeros

}  // namespace easel
