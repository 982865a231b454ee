// The ops that go element by element.
#pragma once
#include "../instruction.h"

namespace easel {

void check_copy(const Instruction& i);        // target, value
void check_accumulate(const Instruction& i);  // target f32, value
void check_cast(const Instruction& i);
void check_affine(const Instruction& i);
void check_adamw(const Instruction& i);          // param, grad, m, v, hyper, gradScale
void check_adamw_outcome(const Instruction& i);  // the same
// These give the function that the attribute names. binary's shapes are in strides.h.
int32_t unary_function(const Instruction& i);
int32_t unary_backward_function(const Instruction& i);
int32_t binary_function(const Instruction& i);

}  // namespace easel
