// attention(q, k, v; heads, scale, causal) -> out, lse, and its gradient: flash kernels for f16 and bf16
// heads up to 160 wide, the way by memory (attention_scores.cpp) for the rest.
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

}  // namespace

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
  return launch(i, sized("attention_", width, p.dtype), shape, out.data, lse.data, q.data, k.data, v.data,
                p.heads);
}

Run prepare_attention_backward(const Instruction& i) {
  const Tensor &dy = i.in(0), &q = i.in(1), &k = i.in(2), &v = i.in(3), &out = i.in(4), &lse = i.in(5);
  const Tensor &dq = i.out(0), &dk = i.out(1), &dv = i.out(2);
  const AttentionPlan p = plan_attention(i, attention_backward_shape(i));
  const Heads& s = p.heads;
  const int64_t rows = p.stack() * s.queries;
  if (!q.count() || !k.count()) return nothing();
  const Scratch delta = i.scratch(size_t(rows) * sizeof(float));
  std::vector<Run> runs{launch(i, kernel_name("attention_delta", p.dtype), {.grid = blocks(i, rows * 32)},
                               delta, dy.data, out.data, rows, s)};
  const int width = p.flash_width();
  if (!width) {
    runs.push_back(attention_backward_by_scores(i, p, delta));
    return sequence(std::move(runs));
  }
  const int tile = is_wide(width) ? 32 : 64, stride = width + 8, warps = is_wide(width) ? 2 : 4,
            own = warps * 16;
  runs.push_back(launch(i, sized("attention_dq_", width, p.dtype),
                        {.grid = {.x = round_up(s.queries, 64), .y = p.stack()},
                         .threads = 128,
                         .shared = size_t(4 * tile * stride) * 2},
                        dq.data, dy.data, q.data, k.data, v.data, lse.data, delta, s));
  // Few keys: cut the queries until every multiprocessor has a block or two, four tiles or more a part.
  const int64_t key_blocks = round_up(s.keys, own), tiles = round_up(s.queries, tile);
  const int64_t wanted = 2 * gpu(i).multiprocessors / (key_blocks * p.stack());
  const int64_t parts = std::max<int64_t>(std::min({wanted, tiles / 4, int64_t(16)}), 1);
  const size_t kept = is_wide(width) ? size_t(2 * own + 2 * tile) : size_t(4 * tile),
               stages = is_wide(width) ? 1 : 2;
  const Shape shape{.grid = {.x = key_blocks, .y = p.stack(), .z = parts},
                    .threads = warps * 32,
                    .shared = kept * size_t(stride) * 2 + stages * 2 * size_t(tile) * sizeof(float)};
  const int64_t count = k.count();
  const Scratch sums = parts > 1 ? i.scratch(size_t(2 * parts * count) * sizeof(float)) : Scratch();
  const Address to = parts > 1 ? Address(sums) : Address();
  runs.push_back(launch(i, sized("attention_dkdv_", width, p.dtype), shape, dk.data, dv.data, to, dy.data,
                        q.data, k.data, v.data, lse.data, delta, s));
  if (parts > 1) {
    runs.push_back(add_parts(i, p.dtype, dk.data, sums, Address(), Address(), parts, count, s.row));
    runs.push_back(add_parts(i, p.dtype, dv.data, Address(sums, parts * count * 4), Address(), Address(),
                             parts, count, s.row));
  }
  return sequence(std::move(runs));
}

}  // namespace easel
