// What the host parts of attention and its gradient share.
#pragma once
#include "../executor/shapes/attention.h"
#include "attention.h"
#include "product_plan.h"

namespace easel {

struct AttentionPlan {
  Heads heads;
  int64_t batch;
  int32_t dtype;
  int64_t stack() const { return batch * heads.heads; }
  // The compiled width that a flash kernel for this head has: 0 for f32, whose products tensor cores would
  // round, and for heads over 160 (the VAE's single one has 512), whose sums do not fit the registers.
  int flash_width() const;
};

// Refuses what the grids cannot hold.
AttentionPlan plan_attention(const Instruction& i, const AttentionShape& s);

// By way of memory: products and softmax over chunks of queries, whose scores lie in scratch.
Run attention_by_scores(const Instruction& i, const AttentionPlan& p, const Tensor& out, const Tensor& lse,
                        const Tensor& q, const Tensor& k, const Tensor& v);
Run attention_backward_by_scores(const Instruction& i, const AttentionPlan& p, const Scratch& delta);

}  // namespace easel
