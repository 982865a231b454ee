// Attention's products by tiles of AMX, where amx::serves(); operands are bf16 of an even width.
#pragma once
#include "../../executor/shapes/product/attention.h"
#include "../kernel.h"

namespace easel {
inline namespace EASEL_ISA {

Run amx_attention(const Instruction& i, const AttentionShape& s);
Run amx_narrow_attention(const Instruction& i, const AttentionShape& s);  // heads of 34 to 46
Run amx_attention_backward(const Instruction& i, const AttentionShape& s);

}  // namespace EASEL_ISA
}  // namespace easel
