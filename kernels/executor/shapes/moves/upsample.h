// upsampleNearest(x (N, H, W, C); height, width) and its gradient.
#pragma once
#include "../../instruction.h"

namespace easel {

// From (N, H, W, C) to (N, height, width, C); in the gradient back.
struct UpsampleShape {
  int64_t N, H, W, height, width, C;
};

UpsampleShape upsample_nearest_shape(const Instruction& i);           // x -> y
UpsampleShape upsample_nearest_backward_shape(const Instruction& i);  // dy -> dx

}  // namespace easel
