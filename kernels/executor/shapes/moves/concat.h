// concat(a, b, ...; axis).
#pragma once
#include "../../instruction.h"

namespace easel {

// y as rows of `whole` elements, of which operand k fills widths[k]. Rows: the axes before the joined one.
struct ConcatShape {
  int64_t rows, whole;
  int64_t widths[EASEL_MAX_OPERANDS];
};

ConcatShape concat_shape(const Instruction& i);

}  // namespace easel
