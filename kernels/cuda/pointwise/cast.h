// The launch that casts; copy uses it too.
#pragma once
#include "../kernel.h"

namespace easel {

// y = x in y's dtype, which is another; f32, f16, bf16, i32.
Run cast(const Instruction& i, const Tensor& y, const Tensor& x);

}  // namespace easel
