// The operands of a concat.
#pragma once
#include "../../pointwise.h"

namespace easel {

struct Parts {
  int64_t rows, whole;  // y is (rows, whole), in units
  const void* data[EASEL_MAX_OPERANDS];
  int64_t ends[EASEL_MAX_OPERANDS];  // where each operand's part of a row ends
};

}  // namespace easel
