// Attention by way of memory, for f32 and for heads over 160 wide: matrix products around a softmax, over
// chunks of queries whose scores take 64 MiB or less. The scores' trips to memory cost less than the products
// from a head width of about 64 in f32 and 512 in halves; below that flash kernels would win.
#include "attention_plan.h"

namespace easel {
namespace {

constexpr int64_t kMostBytes = 64 << 20;

// One chunk's products differ in their first query and their number of rows.
class Chunks {
 public:
  // copies: matrices of scores that are in scratch at once, in f32.
  Chunks(const Instruction& i, const AttentionPlan& p, int copies) : p_(p), ld_((p.heads.keys + 7) / 8 * 8) {
    const int64_t row = p.stack() * ld_ * copies * int64_t(sizeof(float));
    rows_ = std::min(p.heads.queries, std::max<int64_t>(kMostBytes / row / 128 * 128, 16));
    room_bytes_ = size_t(8 * p.stack() * std::max(rows_, p.heads.keys) * p.heads.width) * sizeof(float);
    room_bytes_ = std::min(room_bytes_, size_t(kMostBytes / 4));
    room_ = i.scratch(room_bytes_);
  }
  int64_t rows() const { return rows_; }
  int64_t ld() const { return ld_; }
  size_t bytes(int32_t dtype) const { return size_t(p_.stack() * rows_ * ld_ * dtype_bytes(dtype)); }

  // (rows, width) of queries' side times (keys, width) transposed -> f32 scores.
  ProductPlan scores(const Tensor& a, const Tensor& b, const Scratch& to, int64_t first, int64_t rows) const {
    ProductPlan p = stacked();
    p.trans_b = true;
    p.M = rows, p.N = p_.heads.keys, p.K = p_.heads.width;
    p.lda = p.ldb = p_.heads.row, p.ldy = ld_;
    p.a = at(a, first), p.b = b.data, p.sums = to;
    p.a_outer = p_.heads.queries * p_.heads.row, p.a_inner = p_.heads.width;
    p.b_outer = p_.heads.keys * p_.heads.row, p.b_inner = p_.heads.width;
    p.y_outer = p_.heads.heads * rows * ld_, p.y_inner = rows * ld_;
    return p;
  }
  // (rows, keys) of scores' kind times (keys, width) -> rows of `to`.
  ProductPlan along_keys(const Scratch& a, const Tensor& b, const Tensor& to, int64_t first,
                         int64_t rows) const {
    ProductPlan p = stacked();
    p.M = rows, p.N = p_.heads.width, p.K = p_.heads.keys;
    p.lda = ld_, p.ldb = p.ldy = p_.heads.row;
    p.a = a, p.b = b.data, p.y = at(to, first);
    p.padded_a = true;
    p.a_outer = p_.heads.heads * rows * ld_, p.a_inner = rows * ld_;
    p.b_outer = p_.heads.keys * p_.heads.row, p.b_inner = p_.heads.width;
    p.y_outer = p_.heads.queries * p_.heads.row, p.y_inner = p_.heads.width;
    return p;
  }
  // The same transposed: (keys, rows) times (rows, width) of queries' side, added up over the chunks in
  // `sums`.
  ProductPlan along_queries(const Scratch& a, const Tensor& b, const Tensor& to, const Scratch& sums,
                            int64_t first, int64_t rows) const {
    ProductPlan p = stacked();
    p.trans_a = true;
    p.M = p_.heads.keys, p.N = p_.heads.width, p.K = rows;
    p.lda = ld_, p.ldb = p.ldy = p_.heads.row;
    p.a = a, p.b = at(b, first), p.y = to.data;
    p.padded_a = true;
    if (rows_ < p_.heads.queries) p.sums = sums, p.add = first > 0;
    p.a_outer = p_.heads.heads * rows * ld_, p.a_inner = rows * ld_;
    p.b_outer = p_.heads.queries * p_.heads.row, p.b_inner = p_.heads.width;
    p.y_outer = p_.heads.keys * p_.heads.row, p.y_inner = p_.heads.width;
    return p;
  }

 private:
  ProductPlan stacked() const {
    ProductPlan p{};
    p.dtype = p_.dtype;
    p.batch = p_.stack(), p.inner = p_.heads.heads;
    p.room = room_, p.room_bytes = room_bytes_;
    return p;
  }
  const char* at(const Tensor& t, int64_t first) const {
    return t.data + first * p_.heads.row * dtype_bytes(t.dtype);
  }

  const AttentionPlan& p_;
  int64_t ld_, rows_;
  Scratch room_;  // for parts of K, one product after the other
  size_t room_bytes_;
};

}  // namespace

Run attention_by_scores(const Instruction& i, const AttentionPlan& p, const Tensor& out, const Tensor& lse,
                        const Tensor& q, const Tensor& k, const Tensor& v) {
  const Chunks chunks(i, p, 2);
  const bool in_place = p.dtype == EASEL_F32;
  const Scratch scores = i.scratch(chunks.bytes(EASEL_F32));
  const Scratch weights = in_place ? scores : i.scratch(chunks.bytes(p.dtype));
  std::vector<Run> runs;
  for (int64_t first = 0; first < p.heads.queries; first += chunks.rows()) {
    const int64_t rows = std::min(chunks.rows(), p.heads.queries - first), all = rows * p.stack();
    runs.push_back(prepare_product(i, chunks.scores(q, k, scores, first, rows)));
    runs.push_back(launch(i, kernel_name("scores_softmax", p.dtype),
                          {.grid = {.x = all}, .shared = 32 * sizeof(float)}, weights, lse.data, scores, all,
                          rows, first, chunks.ld(), p.heads));
    runs.push_back(prepare_product(i, chunks.along_keys(weights, v, out, first, rows)));
  }
  return sequence(std::move(runs));
}

Run attention_backward_by_scores(const Instruction& i, const AttentionPlan& p, const Scratch& delta) {
  const Tensor &dy = i.in(0), &q = i.in(1), &k = i.in(2), &v = i.in(3), &lse = i.in(5);
  const Tensor &dq = i.out(0), &dk = i.out(1), &dv = i.out(2);
  const Chunks chunks(i, p, 4);
  const bool in_place = p.dtype == EASEL_F32, one_chunk = chunks.rows() == p.heads.queries;
  const Scratch scores = i.scratch(chunks.bytes(EASEL_F32)), dweights = i.scratch(chunks.bytes(EASEL_F32));
  const Scratch weights = in_place ? scores : i.scratch(chunks.bytes(p.dtype));
  const Scratch dscores = in_place ? dweights : i.scratch(chunks.bytes(p.dtype));
  const size_t sums = one_chunk ? 0 : size_t(k.count()) * sizeof(float);
  const Scratch dk_sums = i.scratch(sums), dv_sums = i.scratch(sums);
  std::vector<Run> runs;
  for (int64_t first = 0; first < p.heads.queries; first += chunks.rows()) {
    const int64_t rows = std::min(chunks.rows(), p.heads.queries - first), all = rows * p.stack();
    runs.push_back(prepare_product(i, chunks.scores(q, k, scores, first, rows)));
    runs.push_back(prepare_product(i, chunks.scores(dy, v, dweights, first, rows)));
    runs.push_back(launch(i, kernel_name("scores_backward", p.dtype), {.grid = blocks(i, all * chunks.ld())},
                          weights, dscores, scores, dweights, lse.data, delta, all, rows, first, chunks.ld(),
                          p.heads));
    runs.push_back(prepare_product(i, chunks.along_keys(dscores, k, dq, first, rows)));
    runs.push_back(prepare_product(i, chunks.along_queries(weights, dy, dv, dv_sums, first, rows)));
    runs.push_back(prepare_product(i, chunks.along_queries(dscores, q, dk, dk_sums, first, rows)));
  }
  if (!one_chunk) {
    runs.push_back(
        add_parts(i, p.dtype, dk.data, Address(dk_sums), Address(), Address(), 1, k.count(), p.heads.row));
    runs.push_back(
        add_parts(i, p.dtype, dv.data, Address(dv_sums), Address(), Address(), 1, k.count(), p.heads.row));
  }
  return sequence(std::move(runs));
}

}  // namespace easel
