// Copies of elements by a walk: broadcast, slice and permute are made of them.
#pragma once
#include "../kernel.h"
#include "walk.h"

namespace easel {

// y[k] = x[start + the walk's a], in elements of y's dtype; moved in the largest units that runs and
// addresses allow.
Run gather(const Instruction& i, const Tensor& y, const Tensor& x, int64_t start, const Walk& w);

}  // namespace easel
