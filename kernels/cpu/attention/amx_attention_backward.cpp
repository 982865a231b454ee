// attentionBackward of bf16 by tiles: dq, dk, dv from dy, recomputing the weights from q, k and lse (arXiv
// 2205.14135). Tiles make the five products cheap; half of the time are the weights' exponentials. Scores lie
// with keys as rows and queries as lanes. So pairs of two vectors of a key are words of a sum over queries,
// pairs of two keys' vectors words of a sum over keys, and no weight changes its lane. One thread owns a
// head, so dk and dv add up in one fixed order.
#include "../vectors/functions.h"
#include "amx_attention.h"
#include "amx_products.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

// A block of queries, what of it is multiplied with some keys at a time, and these. The weights of both stay
// in the second-level cache, and are so many that sums between the products are seldom read and written.
constexpr int64_t kQueries = 512, kPartPanels = 8, kKeys = 128;
constexpr int64_t kWords = kPanel / 2;  // of a key's weights of a panel

// p = 2^(scale score - shift), ds = p (dp - delta) of a square of kPanel keys and a panel of queries: as
// words of a sum over queries, a row a key, and ds as words of one over keys kTile apart.
struct Square {
  const float *scores, *dp, *shift, *delta;
  float scale;
  Seen seen;
  float *p, *ds, *ds_pairs;
};

void weigh(const Square& s) {
  Vec shift[2], delta[2];
  for (int v = 0; v < 2; ++v) shift[v] = load(s.shift + v * kLanes), delta[v] = load(s.delta + v * kLanes);
  for (int row = 0; row < kTile; ++row) {
    Vec ds[2][2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int key = row + half * kTile;
      Vec x[1][2], p[2];
      for (int v = 0; v < 2; ++v) x[0][v] = load(s.scores + key * kPanel + v * kLanes);
      hide(x, s.seen, key);
      for (int v = 0; v < 2; ++v) {
        const Vec weight = exp2_of<bf16>(x[0][v] * s.scale - shift[v]);
        p[v] = and_half(weight);
        ds[half][v] = and_half(weight * (load(s.dp + key * kPanel + v * kLanes) - delta[v]));
      }
      store(s.p + key * kWords, (Vec)pairs_of(p[0], p[1]));
      store(s.ds + key * kWords, (Vec)pairs_of(ds[half][0], ds[half][1]));
    }
    for (int v = 0; v < 2; ++v)
      store(s.ds_pairs + row * kPanel + v * kLanes, (Vec)pairs_of(ds[0][v], ds[1][v]));
  }
}

class Backward {
 public:
  Backward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(sum_tiles(s.width) * kTile),
        lanes_(column_tiles(s.width) * kTile),
        keys_(round_up(s.keys, kPanel)),
        queries_(std::min(round_up(s.queries, kPanel), kQueries)),
        query_line_(queries_ + 16),
        per_thread_(int64_t(sizeof(float)) *
                    (2 * keys_ * words_ + keys_ / 2 * lanes_ + 2 * keys_ * lanes_ + 2 * words_ * query_line_ +
                     queries_ * lanes_ + 2 * kPartPanels * kKeys * kWords + kPartPanels * kKeys / 2 * kPanel +
                     queries_ * lanes_ + 2 * queries_ + kPanel + 2 * kPanel * kPanel)),
        own_(i.scratch(size_t(per_thread_ * i.threads()))) {}

  void run(const bf16* dy, const bf16* q, const bf16* k, const bf16* v, const bf16* out, const float* lse,
           bf16* dq, bf16* dk, bf16* dv) {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t h = 0; h < heads; ++h) head(omp_get_thread_num(), h, dy, q, k, v, out, lse, dq, dk, dv);
  }

 private:
  void head(int t, int64_t h, const bf16* dy, const bf16* q, const bf16* k, const bf16* v, const bf16* out,
            const float* lse, bf16* dq, bf16* dk, bf16* dv) const {
    const amx::Session session;
    float* at = reinterpret_cast<float*>(own_.get() + per_thread_ * t);
    const auto take = [&](int64_t count) { return std::exchange(at, at + count); };
    float *keys = take(keys_ * words_), *values = take(keys_ * words_),
          *key_columns = take(keys_ / 2 * lanes_);
    float *dk_sum = take(keys_ * lanes_), *dv_sum = take(keys_ * lanes_);
    float *q_across = take(words_ * query_line_), *dy_across = take(words_ * query_line_);
    float *q_along = take(queries_ / 2 * lanes_), *dy_along = take(queries_ / 2 * lanes_);
    float *p = take(kPartPanels * kKeys * kWords), *ds = take(kPartPanels * kKeys * kWords);
    float *ds_pairs = take(kPartPanels * kKeys / 2 * kPanel), *dq_sum = take(queries_ * lanes_);
    float *shift = take(queries_), *delta = take(queries_), *factors = take(kPanel);
    float *scores = take(kPanel * kPanel), *dp = take(kPanel * kPanel);
    const int64_t column = h % s_.heads * s_.width;
    const int64_t q_head = h / s_.heads * s_.queries * row_ + column,
                  k_head = h / s_.heads * s_.keys * row_ + column;
    pad_rows(k + k_head, row_, s_.keys, keys_, s_.width, keys);
    pad_rows(v + k_head, row_, s_.keys, keys_, s_.width, values);
    pack_columns(k + k_head, row_, s_.keys, s_.width, key_columns);
    if (s_.causal) {  // the first queries see no later keys
      std::fill(dk_sum, dk_sum + keys_ * lanes_, 0.f);
      std::fill(dv_sum, dv_sum + keys_ * lanes_, 0.f);
    }
    std::fill(q_across + s_.width / 2 * query_line_, q_across + words_ * query_line_, 0.f);
    std::fill(dy_across + s_.width / 2 * query_line_, dy_across + words_ * query_line_, 0.f);
    std::fill(factors, factors + kPanel, s_.scale);
    for (int64_t first = 0; first < s_.queries; first += queries_) {
      const int64_t rows = std::min(queries_, s_.queries - first), from = q_head + first * row_;
      const int64_t panels = round_up(rows, kPanel) / kPanel;
      across(q + from, row_, rows, s_.width, q_across, query_line_);
      across(dy + from, row_, rows, s_.width, dy_across, query_line_);
      along(q + from, row_, rows, s_.width, lanes_, q_along);
      along(dy + from, row_, rows, s_.width, lanes_, dy_along);
      for (int64_t r = 0; r < panels * kPanel; ++r)
        shift[r] = r < rows ? kLog2E * lse[h * s_.queries + first + r] : 0;
      std::fill(delta, delta + panels * kPanel, 0.f);
      dots(dy + from, out + from, row_, rows, s_.width, delta);  // sum_j p_j dp_j = dy . out
      for (int64_t j = 0; j < s_.keys; j += kKeys) {
        const int64_t squares = round_up(std::min(kKeys, s_.keys - j), kPanel) / kPanel;
        for (int64_t part = 0; part < panels; part += kPartPanels) {
          const int64_t end = std::min(part + kPartPanels, panels);
          if (s_.causal && j >= first + end * kPanel) continue;
          for (int64_t panel = part; panel < end; ++panel) {
            const int64_t at_query = panel * kPanel;
            float* pairs = ds_pairs + (panel - part) * kKeys / 2 * kPanel;
            for (int64_t k = 0; k < squares; ++k) {
              const int64_t key = j + k * kPanel, row = (panel - part) * kKeys + k * kPanel;
              score(keys + key * words_, q_across + at_query, scores);
              score(values + key * words_, dy_across + at_query, dp);
              weigh({scores,
                     dp,
                     shift + at_query,
                     delta + at_query,
                     s_.scale * kLog2E,
                     {s_.keys - key, key - first - at_query, s_.causal},
                     p + row * kWords,
                     ds + row * kWords,
                     pairs + k * kTile * kPanel});
            }
            tiles_product({key_columns + j / 2 * lanes_, 64, kTileBytes, lanes_ / kTile * kTileBytes},
                          lanes_ / kTile, {pairs, 4 * kPanel, 64, 2 * kTileBytes}, 2, squares, j == 0,
                          dq_sum + at_query * lanes_, kPanel);
          }
          const int64_t word = part * kWords;
          const bool fresh = !s_.causal && first == 0 && part == 0;
          add_over_queries(p, squares, dy_along + word * lanes_, end - part, fresh, dv_sum + j * lanes_);
          add_over_queries(ds, squares, q_along + word * lanes_, end - part, fresh, dk_sum + j * lanes_);
        }
      }
      for (int64_t panel = 0; panel < panels; ++panel)
        rows_of(dq_sum + panel * lanes_ * kPanel, factors, rows - panel * kPanel, s_.width,
                dq + from + panel * kPanel * row_, row_);
    }
    scaled(dk_sum, lanes_, s_.scale, s_.keys, s_.width, dk + k_head, row_);
    scaled(dv_sum, lanes_, 1.f, s_.keys, s_.width, dv + k_head, row_);
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
  int64_t row_, words_, lanes_, keys_, queries_, query_line_;  // words, lanes: of a packed row
  int64_t per_thread_;
  Scratch own_;
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
