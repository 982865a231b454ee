// attention(q, k, v; heads, scale, causal) -> out, lse, and its gradient: flash kernels for f16 and bf16
// heads up to 160 wide, the way by memory (attention_scores.cpp) for the rest.
#include "../hopper/ways.h"
#include "../vendor/vendor.h"
#include "attention_plan.h"

namespace easel {

int AttentionPlan::flash_width() const {
  if (dtype == EASEL_F32) return 0;
  for (const int width : {32, 48, 64, 80, 128, 160})
    if (heads.width <= width) return width;
  return 0;
}

AttentionPlan plan_attention(const Instruction& i, const AttentionShape& s) {
  i.require(s.row() < int64_t(1) << 31 && s.batch * s.heads < 65536, "there are more than 65535 heads");
  AttentionPlan p{};
  p.batch = s.batch;
  p.dtype = i.out(0).dtype;
  p.heads.queries = s.queries, p.heads.keys = s.keys, p.heads.row = s.row();
  p.heads.heads = int32_t(s.heads), p.heads.width = int32_t(s.width);
  p.heads.causal = s.causal;
  p.heads.scale = s.scale;
  p.heads.vector = s.width % 8 == 0;
  for (int t = 0; t < i.outputs() + i.inputs(); ++t) {
    const Tensor& x = t < i.outputs() ? i.out(t) : i.in(t - i.outputs());
    if (uintptr_t(x.data) % 16) p.heads.vector = 0;
  }
  return p;
}

namespace {

std::string sized(const char* stem, int width, int32_t dtype) {
  return kernel_name((stem + std::to_string(width)).c_str(), dtype);
}

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to; }

// Two kinds of block: see the tables in attention.cu and attention_backward.cu.
bool is_wide(int width) { return width > 80; }

size_t delta_bytes(const AttentionPlan& p) { return size_t(p.stack() * p.heads.queries) * sizeof(float); }

Run make_delta(const Instruction& i, const AttentionPlan& p, const Address& delta, const Address& dy,
               const Address& out) {
  const int64_t rows = p.stack() * p.heads.queries;
  return launch(i, kernel_name("attention_delta", p.dtype), {.grid = blocks(i, rows * 32)}, delta, dy, out,
                rows, p.heads);
}

}  // namespace

size_t gradient_scratch(const AttentionPlan& p, int64_t parts) {
  return whole(delta_bytes(p)) + (parts > 1 ? size_t(2 * parts * p.count()) * sizeof(float) : 0);
}

Run attention_gradient(const Instruction& i, const AttentionPlan& p, int64_t parts, const Places& at,
                       const Address& scratch, const GradientKernels& kernels) {
  const int64_t count = p.count(), row = p.heads.row;
  const Address added = parts > 1 ? scratch.after(int64_t(whole(delta_bytes(p)))) : Address();
  std::vector<Run> runs{make_delta(i, p, scratch, at[kGradientDy], at[kGradientOut]),
                        kernels(scratch, added)};
  if (parts > 1)
    for (const auto& [to, from] :
         {std::pair{at[kGradientDk], added}, std::pair{at[kGradientDv], added.after(parts * count * 4)}})
      runs.push_back(add_parts(i, p.dtype, to, from, Address(), Address(), parts, count, row));
  return sequence(std::move(runs));
}

Run prepare_attention(const Instruction& i) {
  const Tensor &q = i.in(0), &k = i.in(1), &v = i.in(2), &out = i.out(0), &lse = i.out(1);
  const AttentionPlan p = plan_attention(i, attention_shape(i));
  if (!q.count() || !k.count()) return nothing();
  const int width = p.flash_width();
  if (!width) return attention_by_scores(i, p, out, lse, q, k, v);
  const int rows = is_wide(width) ? 64 : 128, keys = is_wide(width) ? 32 : 64;
  const Shape shape{.grid = {.x = round_up(p.heads.queries, rows), .y = p.stack()},
                    .threads = 128,
                    .shared = size_t(4 * keys * (width + 8)) * 2};
  OwnWay own = [&](const Places& at, const Address&) {
    return launch(i, sized("attention_", width, p.dtype), shape, at[kAttentionOut], at[kAttentionLse],
                  at[kAttentionQ], at[kAttentionK], at[kAttentionV], p.heads);
  };
  const Places at{out.data, lse.data, q.data, k.data, v.data};
  hopper_attention(i, p, at, own);
  Run theirs = vendor_attention(i, p, at, own);
  return theirs ? theirs : own(at, Address());
}

Run prepare_attention_backward(const Instruction& i) {
  const Tensor &dy = i.in(0), &q = i.in(1), &k = i.in(2), &v = i.in(3), &out = i.in(4), &lse = i.in(5);
  const Tensor &dq = i.out(0), &dk = i.out(1), &dv = i.out(2);
  const AttentionPlan p = plan_attention(i, attention_backward_shape(i));
  const Heads& s = p.heads;
  if (!q.count() || !k.count()) return nothing();
  const int width = p.flash_width();
  if (!width) {
    const Scratch delta = i.scratch(delta_bytes(p));
    return sequence({make_delta(i, p, delta, dy.data, out.data), attention_backward_by_scores(i, p, delta)});
  }
  const int tile = is_wide(width) ? 32 : 64, stride = width + 8, warps = is_wide(width) ? 2 : 4,
            own_rows = warps * 16;
  // Few keys: cut the queries until every multiprocessor has a block or two, four tiles or more a part.
  const int64_t key_blocks = round_up(s.keys, own_rows), tiles = round_up(s.queries, tile);
  const int64_t wanted = 2 * gpu(i).multiprocessors / (key_blocks * p.stack());
  const int64_t parts = std::max<int64_t>(std::min({wanted, tiles / 4, int64_t(16)}), 1);
  const size_t kept = is_wide(width) ? size_t(2 * own_rows + 2 * tile) : size_t(4 * tile),
               stages = is_wide(width) ? 1 : 2;
  const Shape of_dq{.grid = {.x = round_up(s.queries, 64), .y = p.stack()},
                    .threads = 128,
                    .shared = size_t(4 * tile * stride) * 2};
  const Shape of_dkdv{.grid = {.x = key_blocks, .y = p.stack(), .z = parts},
                      .threads = warps * 32,
                      .shared = kept * size_t(stride) * 2 + stages * 2 * size_t(tile) * sizeof(float)};
  OwnWay own = [&](const Places& at, const Address& scratch) {
    return attention_gradient(i, p, parts, at, scratch, [&](const Address& delta, const Address& dk_parts) {
      const Address &dy = at[kGradientDy], &q = at[kGradientQ], &k = at[kGradientK], &v = at[kGradientV],
                    &lse = at[kGradientLse];
      return sequence({launch(i, sized("attention_dq_", width, p.dtype), of_dq, at[kGradientDq], dy, q, k, v,
                              lse, delta, s),
                       launch(i, sized("attention_dkdv_", width, p.dtype), of_dkdv, at[kGradientDk],
                              at[kGradientDv], dk_parts, dy, q, k, v, lse, delta, s)});
    });
  };
  size_t scratch_bytes = gradient_scratch(p, parts);
  const Places at{dq.data, dk.data, dv.data, dy.data, q.data, k.data, v.data, out.data, lse.data};
  hopper_attention_backward(i, p, at, own, scratch_bytes);
  Run theirs = vendor_attention_backward(i, p, at, own, scratch_bytes);
  return theirs ? theirs : own(at, i.scratch(scratch_bytes));
}

}  // namespace easel
