// What matmul and conv2d add to their product where their attributes say so.
#pragma once
#include "../../instruction.h"

namespace easel {

// bias: a value for each place of y's last axis; residual: of y's shape. Null where there is none.
struct Addends {
  const Tensor *bias = nullptr, *residual = nullptr;
};

// Inputs 2 and on of an op with one output, by two attributes that are 0 or not. Checks the number of
// operands, of which `more` come behind.
Addends addends(const Instruction& i, int has_bias, int has_residual, int more = 0);

}  // namespace easel
