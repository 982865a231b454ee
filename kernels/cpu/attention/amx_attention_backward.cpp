// attentionBackward of bf16 by tiles: dq, dk, dv from dy, recomputing the weights from q, k and lse (arXiv
// 2205.14135). Tiles multiply for a quarter of the time and vectors weigh for about another. Scores lie with
// keys as rows and queries as lanes. So pairs of two vectors of a key are words of a sum over queries, pairs
// of two keys' vectors words of a sum over keys, and no weight changes its lane. Of many keys dq is added up
// in parts of these, else dk and dv are in parts of queries. Where threads are more than heads each part is a
// task; elsewhere a head is one, which lays out less. Bits are the same.
#include "amx_attention.h"
#include "amx_parts.h"
#include "amx_products.h"
#include "amx_weights.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

// A block of queries, what of it is multiplied with some keys at a time, and these. The weights of both stay
// in the second-level cache, and are so many that sums between the products are seldom read and written.
constexpr int64_t kQueries = 512, kPartPanels = 8, kKeys = 128;
// Panels, and squares of keys, that take turns while both are in the first-level cache.
constexpr int64_t kNear = 2;
class Backward {
 public:
  Backward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(sum_tiles(s.width) * kTile),
        lanes_(column_tiles(s.width) * kTile),
        of_keys_(s.keys, !s.causal),
        of_queries_(s.queries, of_keys_.count == 1),
        tasks_(i.threads() > s.batch * s.heads ? of_keys_.count * of_queries_.count : 1),
        keys_(round_up(tasks_ > 1 ? std::min(of_keys_.size, s.keys) : s.keys, kPanel)),
        queries_(std::min(round_up(s.queries, kPanel), kQueries)),
        query_line_(queries_ + 16),
        per_thread_(int64_t(sizeof(float)) *
                    (2 * keys_ * words_ + keys_ / 2 * lanes_ + 2 * words_ * query_line_ + queries_ * lanes_ +
                     (of_queries_.count > 1 ? 2 : 1) * dk_size() + (of_keys_.count > 1 ? 2 : 1) * dq_size() +
                     2 * kPartPanels * kKeys * kWords + kNear * kKeys / 2 * kPanel + 2 * queries_ + kPanel +
                     2 * kPanel * kPanel)),
        own_(i.scratch(size_t(per_thread_ * i.threads()))),
        dq_line_(tasks_ > 1 && of_keys_.count > 1 ? round_up(s.queries, kPanel) * lanes_ : 0),
        dk_line_(tasks_ > 1 && of_queries_.count > 1 ? dk_size() : 0),
        sums_(i.scratch(sizeof(float) * size_t(s.batch * s.heads * tasks_ * (dq_line_ + dk_line_)))) {}

  void run(const bf16* dy, const bf16* q, const bf16* k, const bf16* v, const bf16* out, const float* lse,
           bf16* dq, bf16* dk, bf16* dv) {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < heads * tasks_; ++task)
      part(omp_get_thread_num(), task, dy, q, k, v, out, lse, dq, dk, dv);
    if (tasks_ == 1) return;
    const int64_t panels = dq_line_ ? round_up(s_.queries, kPanel) / kPanel : 1;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < heads * panels; ++task) {
      const int64_t h = task / panels;
      if (dq_line_)
        finish_queries(h, task % panels * kPanel, dq + head_offset(h, s_.queries));
      else
        finish_keys(h, dk + head_offset(h, s_.keys), dv + head_offset(h, s_.keys));
    }
  }

 private:
  // Sums of a block of queries, and of a task's keys, dk's and then dv's.
  int64_t dq_size() const { return queries_ * lanes_; }
  int64_t dk_size() const { return 2 * keys_ * lanes_; }
  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }
  // Of a task: dq as panels of columns, or dk and then dv.
  float* sums_of(int64_t task) const { return sums_.get<float>() + task * (dq_line_ + dk_line_); }

  // The sums of n numbers of all tasks of a head, in place of the first one's.
  const float* total(int64_t h, int64_t from, int64_t n) const {
    float* sum = sums_of(h * tasks_) + from;
    for (int64_t part = 1; part < tasks_; ++part) add_sums(sums_of(h * tasks_ + part) + from, n, sum);
    return sum;
  }

  void finish_queries(int64_t h, int64_t first, bf16* dq) const {
    float factors[kPanel];
    std::fill(factors, factors + kPanel, s_.scale);
    rows_of(total(h, first * lanes_, kPanel * lanes_), factors, s_.queries - first, s_.width,
            dq + first * row_, row_);
  }

  void finish_keys(int64_t h, bf16* dk, bf16* dv) const {
    const float* sum = total(h, 0, dk_line_);
    scaled(sum, lanes_, s_.scale, s_.keys, s_.width, dk, row_);
    scaled(sum + dk_line_ / 2, lanes_, 1.f, s_.keys, s_.width, dv, row_);
  }

  void part(int t, int64_t task, const bf16* dy, const bf16* q, const bf16* k, const bf16* v, const bf16* out,
            const float* lse, bf16* dq, bf16* dk, bf16* dv) const {
    const amx::Session session;
    float* at = reinterpret_cast<float*>(own_.get() + per_thread_ * t);
    const auto take = [&](int64_t count) { return std::exchange(at, at + count); };
    float *keys = take(keys_ * words_), *values = take(keys_ * words_),
          *key_columns = take(keys_ / 2 * lanes_);
    float *dk_sum = take(dk_size()), *dk_part = take(of_queries_.count > 1 ? dk_size() : 0);
    float *q_across = take(words_ * query_line_), *dy_across = take(words_ * query_line_);
    float *q_along = take(queries_ / 2 * lanes_), *dy_along = take(queries_ / 2 * lanes_);
    float *p = take(kPartPanels * kKeys * kWords), *ds = take(kPartPanels * kKeys * kWords);
    float *ds_pairs = take(kNear * kKeys / 2 * kPanel), *dq_sum = take(dq_size()),
          *dq_part = take(of_keys_.count > 1 ? dq_size() : 0);
    float *shift = take(queries_), *delta = take(queries_), *factors = take(kPanel);
    float *scores = take(kPanel * kPanel), *dp = take(kPanel * kPanel);
    const int64_t h = task / tasks_;
    const int64_t first_key = dq_line_ ? of_keys_.begin(task % tasks_) : 0;
    const int64_t count = dq_line_ ? of_keys_.length(task % tasks_) : s_.keys;
    const int64_t first_query = dk_line_ ? of_queries_.begin(task % tasks_) : 0;
    const int64_t last_query = first_query + (dk_line_ ? of_queries_.length(task % tasks_) : s_.queries);
    const int64_t q_head = head_offset(h, s_.queries), k_head = head_offset(h, s_.keys) + first_key * row_;
    if (dk_line_) dk_sum = sums_of(task);
    pad_rows(k + k_head, row_, count, keys_, s_.width, keys);
    pad_rows(v + k_head, row_, count, keys_, s_.width, values);
    pack_columns(k + k_head, row_, count, s_.width, key_columns);
    std::fill(q_across + s_.width / 2 * query_line_, q_across + words_ * query_line_, 0.f);
    std::fill(dy_across + s_.width / 2 * query_line_, dy_across + words_ * query_line_, 0.f);
    std::fill(factors, factors + kPanel, s_.scale);
    for (int64_t first = first_query; first < last_query; first += queries_) {
      const int64_t rows = std::min(queries_, last_query - first), from = q_head + first * row_;
      const int64_t panels = round_up(rows, kPanel) / kPanel;
      across(q + from, row_, rows, s_.width, q_across, query_line_);
      across(dy + from, row_, rows, s_.width, dy_across, query_line_);
      along(q + from, row_, rows, s_.width, lanes_, q_along);
      along(dy + from, row_, rows, s_.width, lanes_, dy_along);
      for (int64_t r = 0; r < panels * kPanel; ++r)
        shift[r] = r < rows ? kLog2E * lse[h * s_.queries + first + r] : 0;
      std::fill(delta, delta + panels * kPanel, 0.f);
      dots(dy + from, out + from, row_, rows, s_.width, delta);  // sum_j p_j dp_j = dy . out
      if (dq_line_) dq_sum = sums_of(task) + first * lanes_;
      const int64_t before = (first - first_query) % of_queries_.size;
      float *dk_to = first - first_query < of_queries_.size ? dk_sum : dk_part,
            *dv_to = dk_to + dk_size() / 2;
      if (s_.causal && before == 0) std::fill(dk_to, dk_to + dk_size(), 0.f);  // not all see later keys
      for (int64_t j = 0; j < count; j += kKeys) {
        const int64_t squares = round_up(std::min(kKeys, count - j), kPanel) / kPanel;
        const int64_t keys_before = j % of_keys_.size;
        float* dq_to = j < of_keys_.size ? dq_sum : dq_part;
        for (int64_t part = 0; part < panels; part += kPartPanels) {
          const int64_t end = std::min(part + kPartPanels, panels);
          if (s_.causal && j >= first + end * kPanel) continue;
          for (int64_t near = part; near < end; near += kNear) {
            const int64_t near_end = std::min(near + kNear, end);
            const auto pairs = [&](int64_t panel) { return ds_pairs + (panel - near) * kKeys / 2 * kPanel; };
            for (int64_t turn = 0; turn < squares; turn += kNear)
              for (int64_t panel = near; panel < near_end; ++panel)
                for (int64_t k = turn; k < std::min(turn + kNear, squares); ++k) {
                  const int64_t at_query = panel * kPanel, key = j + k * kPanel;
                  const int64_t row = (panel - part) * kKeys + k * kPanel;
                  score(keys + key * words_, q_across + at_query, scores);
                  score(values + key * words_, dy_across + at_query, dp);
                  weigh({scores,
                         dp,
                         shift + at_query,
                         delta + at_query,
                         s_.scale * kLog2E,
                         {count - key, key - first - at_query, s_.causal},
                         p + row * kWords,
                         ds + row * kWords,
                         pairs(panel) + k * kTile * kPanel});
                }
            for (int64_t panel = near; panel < near_end; ++panel)
              tiles_product({key_columns + j / 2 * lanes_, 64, kTileBytes, lanes_ / kTile * kTileBytes},
                            lanes_ / kTile, {pairs(panel), 4 * kPanel, 64, 2 * kTileBytes}, 2, squares,
                            keys_before == 0, dq_to + panel * kPanel * lanes_, kPanel);
          }
          const int64_t word = part * kWords;
          const bool fresh = !s_.causal && before == 0 && part == 0;
          add_over_queries(p, squares, dy_along + word * lanes_, end - part, fresh, dv_to + j * lanes_);
          add_over_queries(ds, squares, q_along + word * lanes_, end - part, fresh, dk_to + j * lanes_);
        }
        if (dq_to == dq_part && (keys_before + kKeys >= of_keys_.size || j + kKeys >= count))
          add_sums(dq_part, panels * kPanel * lanes_, dq_sum);
      }
      if (dk_to == dk_part && (before + queries_ >= of_queries_.size || first + queries_ >= last_query))
        add_sums(dk_part, dk_size(), dk_sum);
      for (int64_t panel = 0; panel < panels && !dq_line_; ++panel)
        rows_of(dq_sum + panel * lanes_ * kPanel, factors, rows - panel * kPanel, s_.width,
                dq + from + panel * kPanel * row_, row_);
    }
    if (dk_line_) return;
    scaled(dk_sum, lanes_, s_.scale, count, s_.width, dk + k_head, row_);
    scaled(dk_sum + dk_size() / 2, lanes_, 1.f, count, s_.width, dv + k_head, row_);
  }

  // to (kPanel, kPanel) = keys' rows times queries' columns.
  void score(const float* rows, const float* columns, float* to) const {
    tile_product<2, 2>({rows, 4 * words_, 4 * kTile * words_, 64},
                       {columns, 4 * query_line_, 64, 4 * kTile * query_line_}, words_ / kTile, true, to,
                       kPanel);
  }

  // to (keys of squares, lanes_) += weights times queries' rows.
  void add_over_queries(const float* weights, int64_t squares, const float* rows, int64_t panels, bool fresh,
                        float* to) const {
    tiles_product({weights, 64, kTileBytes, 4 * kKeys * kWords}, 2 * squares,
                  {rows, 4 * lanes_, 64, 4 * kWords * lanes_}, lanes_ / kTile, panels, fresh, to, lanes_);
  }

  AttentionShape s_;
  int64_t row_, words_, lanes_;  // words, lanes: of a packed row
  Parts of_keys_, of_queries_;
  int64_t tasks_;                        // of a head
  int64_t keys_, queries_, query_line_;  // of a task, and of a block
  int64_t per_thread_;
  Scratch own_;
  int64_t dq_line_, dk_line_;  // sums of a task that others of the head add to
  Scratch sums_;
};

}  // namespace

Run amx_attention_backward(const Instruction& i, const AttentionShape& s) {
  auto backward = std::make_shared<Backward>(i, s);
  const Tensor dy = i.in(0), q = i.in(1), k = i.in(2), v = i.in(3), out = i.in(4), lse = i.in(5);
  const Tensor dq = i.out(0), dk = i.out(1), dv = i.out(2);
  return [=] {
    backward->run(dy.as<bf16>(), q.as<bf16>(), k.as<bf16>(), v.as<bf16>(), out.as<bf16>(), lse.as<float>(),
                  dq.as<bf16>(), dk.as<bf16>(), dv.as<bf16>());
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
