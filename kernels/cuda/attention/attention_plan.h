// What the host parts of attention and its gradient share.
#pragma once
#include "../../executor/shapes/product/attention.h"
#include "../product/product_plan.h"
#include "attention.h"

namespace easel {

struct AttentionPlan {
  Heads heads;
  int64_t batch;
  int32_t dtype;
  int64_t stack() const { return batch * heads.heads; }
  int64_t count() const { return batch * heads.keys * heads.row; }  // elements of k
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

// The gradient by kernels that make dq, dk and dv from delta, the latter two in `parts` (if more than one)
// that are added behind: places as vendor/vendor.h has them. Scratch: delta, then the parts of dk and of dv.
using GradientKernels = std::function<Run(const Address& delta, const Address& parts)>;
size_t gradient_scratch(const AttentionPlan& p, int64_t parts);
Run attention_gradient(const Instruction& i, const AttentionPlan& p, int64_t parts,
                       const std::vector<Address>& at, const Address& scratch,
                       const GradientKernels& kernels);

}  // namespace easel
