// Attention of bf16 by tiles of AMX.
#pragma once
#include "../../executor/shapes/product/attention.h"
#include "../kernel.h"
#include "../vectors/amx.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether tiles compute it: a word of their sums is two numbers, and exponentials are by AVX-512 VBMI.
inline bool amx_attends([[maybe_unused]] const AttentionShape& s) {
#if defined(__AVX512F__)
  return amx::serves() && __builtin_cpu_supports("avx512vbmi") && s.width % 2 == 0;
#else
  return false;
#endif
}

Run amx_attention(const Instruction& i, const AttentionShape& s);
bool serves_narrow(int64_t width);  // heads of 34 to 46, and of 50 to 64
Run amx_narrow_attention(const Instruction& i, const AttentionShape& s);
Run amx_attention_backward(const Instruction& i, const AttentionShape& s);

}  // namespace EASEL_ISA
}  // namespace easel
