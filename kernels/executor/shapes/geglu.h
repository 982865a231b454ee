// geglu([a | b]) and its gradient.
#pragma once
#include "../instruction.h"

namespace easel {

// y (M, C), x (M, 2C)
struct GegluShape {
  int64_t M, C;
};

GegluShape geglu_shape(const Instruction& i);           // x -> y
GegluShape geglu_backward_shape(const Instruction& i);  // dy, x -> dx

}  // namespace easel
