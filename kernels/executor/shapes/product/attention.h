// attention(q, k, v; heads, scale, causal) and its gradient.
#pragma once
#include "../../instruction.h"

namespace easel {

// q, out: (batch, queries, heads * width), k, v: (batch, keys, heads * width); lse: f32 (batch, heads,
// queries).
struct AttentionShape {
  int64_t batch, queries, keys, heads, width;
  float scale;
  bool causal;
  int64_t row() const { return heads * width; }
};

AttentionShape attention_shape(const Instruction& i);           // q, k, v -> out, lse
AttentionShape attention_backward_shape(const Instruction& i);  // dy, q, k, v, out, lse -> dq, dk, dv

}  // namespace easel
