// attentionBackward: dq, dk, dv from dy, recomputing the weights from q, k and lse tile by tile (arXiv
// 2205.14135). Compute-bound: five products a tile. Scores lie with queries as lanes, so that what is known
// of a query is a vector. One thread owns a head, so dk and dv add up in one fixed order.
#include "../../executor/shapes/product/attention.h"
#include "../vectors/functions.h"
#include "amx_attention.h"
#include "attention_layouts.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

// Keys whose scores and gradients are in registers; of those that suffice, the scores of the next ones too.
constexpr bool kThrice = kRegisters == 32;
constexpr int kGroup = kThrice ? 4 : 3;
// Of a block at most, and of a tile.
constexpr int64_t kQueries = 256;
template <typename T>
constexpr int64_t kKeys = (std::is_same_v<T, float> ? 64 : 128) / kGroup* kGroup;

template <typename T>
constexpr int kWeightLine = int(kQueries / kPer<T> + 16);  // words from a key's weights to the next key's

// A panel of queries and groups of keys, packed. p = 2^(scale score - shift), ds = p (dp - delta).
struct Scores {
  const Word *keys, *values;
  Rows queries, dys;
  int64_t words;
  float scale;
  Seen seen;
  Vec shift[2], delta[2];
};

// A panel's weights and their gradients, a row a key, and the latter as words of a sum over keys.
struct Weights {
  float *p, *ds, *ds_pairs;
};

// Of one key p in place of scores.
template <typename T>
[[gnu::always_inline]] inline void weigh(Vec (&x)[2], const Scores& s, float* p) {
  for (int v = 0; v < 2; ++v) {
    x[v] = exp2_of<T>(x[v] * s.scale - s.shift[v]);
    if constexpr (std::is_same_v<T, float>) store(p + v * kLanes, x[v]);
  }
  if constexpr (!std::is_same_v<T, float>) {
    const Narrow pairs = pairs_of(and_half(x[0]), and_half(x[1]));
    memcpy(p, &pairs, sizeof pairs);
  }
}

// Of key r of a group ds in place of p.
template <typename T>
[[gnu::always_inline]] inline void differentiate(Vec (&x)[kGroup][2], const Vec (&dp)[kGroup][2], int r,
                                                 const Scores& s, const Weights& to) {
  float* ds = to.ds + r * kWeightLine<T>;
  for (int v = 0; v < 2; ++v) {
    x[r][v] *= dp[r][v] - s.delta[v];
    if constexpr (std::is_same_v<T, float>)
      store(ds + v * kLanes, x[r][v]);
    else
      x[r][v] = and_half(x[r][v]);
  }
  if constexpr (!std::is_same_v<T, float>) {
    const Narrow pairs = pairs_of(x[r][0], x[r][1]);
    memcpy(ds, &pairs, sizeof pairs);
    if (r % 2)
      for (int v = 0; v < 2; ++v) {
        const Narrow of_keys = pairs_of(x[r - 1][v], x[r][v]);
        memcpy(to.ds_pairs + r / 2 * kPanel + v * kLanes, &of_keys, sizeof of_keys);
      }
  }
}

// Of the next group.
template <typename T>
inline Weights next(const Weights& w) {
  return {w.p + kGroup * kWeightLine<T>, w.ds + kGroup * kWeightLine<T>,
          w.ds_pairs + kGroup / kPer<T> * kPanel};
}

// Weights and their gradients of some groups; neither scores nor gradients of weights ever are in memory.
// While scores are multiplied the gradients of the group before are made, and weights while dp is multiplied.
template <typename T>
void weigh_thrice(const Scores& s, int64_t groups, Weights to) {
  Vec x[kGroup][2] = {}, dp[kGroup][2] = {};
  const Word *keys = s.keys, *values = s.values;
  const auto part = [&](int k) { return s.words * (k + 1) / kGroup - s.words * k / kGroup; };
  for (int64_t g = 0; g < groups; ++g) {
    Rows queries = s.queries, dys = s.dys;
    Vec scores[kGroup][2] = {};
    if (g == 0) {
      add_panel<T>(keys, queries, s.words, scores);
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < kGroup; ++r) {
        differentiate<T>(x, dp, r, s, to);
        if (const int64_t n = part(r)) add_panel<T>(keys, queries, n, scores);
      }
      to = next<T>(to);
    }
    hide(scores, s.seen, g * kGroup);
#pragma GCC unroll 16
    for (int r = 0; r < kGroup; ++r)
      for (int v = 0; v < 2; ++v) x[r][v] = scores[r][v], dp[r][v] = Vec{};
#pragma GCC unroll 16
    for (int r = 0; r < kGroup; ++r) {
      weigh<T>(x[r], s, to.p + r * kWeightLine<T>);
      if (const int64_t n = part(r)) add_panel<T>(values, dys, n, dp);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kGroup; ++r) differentiate<T>(x, dp, r, s, to);
}

// The same one after the other.
template <typename T>
void weigh_in_turn(const Scores& s, int64_t groups, Weights to) {
  const Word *keys = s.keys, *values = s.values;
  for (int64_t g = 0; g < groups; ++g) {
    Rows queries = s.queries, dys = s.dys;
    Vec x[kGroup][2] = {}, dp[kGroup][2] = {};
    for (int64_t k = 0; k < s.words; ++k) {
      add_panel<T>(keys, queries, 1, x);
      add_panel<T>(values, dys, 1, dp);
    }
    hide(x, s.seen, g * kGroup);
#pragma GCC unroll 16
    for (int r = 0; r < kGroup; ++r) {
      weigh<T>(x[r], s, to.p + r * kWeightLine<T>);
      differentiate<T>(x, dp, r, s, to);
    }
    to = next<T>(to);
  }
}

template <typename T>
class Backward {
 public:
  Backward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(s.width / kPer<T>),
        lanes_(round_up(s.width, kUnit)),
        keys_(round_up(s.keys, kGroup)),
        // What is kept of a block of queries has to stay in the second-level cache.
        queries_(std::min({round_up(s.queries, kPanel), kQueries})),
        query_line_(queries_ + 16),
        channels_(s.width, kMost),
        per_thread_(
            round_up(int64_t(sizeof(float)) *
                         (3 * words_ * keys_ + 2 * s.keys * lanes_ + 2 * words_ * query_line_ +
                          2 * queries_ / kPer<T> * lanes_ + 2 * kKeys<T> * kWeightLine<T> +
                          kKeys<T> / kPer<T> * kPanel + queries_ * s.width + 2 * queries_ + kPanel + 16 * 16),
                     64)),
        own_(i.scratch(size_t(per_thread_ * i.threads()))) {}

  void run(const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse, T* dq, T* dk,
           T* dv) {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t h = 0; h < heads; ++h) head(omp_get_thread_num(), h, dy, q, k, v, out, lse, dq, dk, dv);
  }

 private:
  void head(int t, int64_t h, const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse,
            T* dq, T* dk, T* dv) const {
    float* at = reinterpret_cast<float*>(own_.get() + per_thread_ * t);
    const auto take = [&](int64_t count) { return std::exchange(at, at + round_up(count, 16)); };
    float *keys = take(words_ * keys_), *values = take(words_ * keys_), *across_keys = take(words_ * keys_);
    float *dk_sum = take(s_.keys * lanes_), *dv_sum = take(s_.keys * lanes_);
    float *q_across = take(words_ * query_line_), *dy_across = take(words_ * query_line_);
    float *q_along = take(queries_ / kPer<T> * lanes_), *dy_along = take(queries_ / kPer<T> * lanes_);
    float *p = take(kKeys<T> * kWeightLine<T>), *ds = take(kKeys<T> * kWeightLine<T>);
    float *ds_pairs = take(kKeys<T> / kPer<T> * kPanel), *dq_sum = take(queries_ * s_.width);
    float *shift = take(queries_), *delta = take(queries_), *factors = take(kPanel);
    const int64_t column = h % s_.heads * s_.width;
    const int64_t q_head = h / s_.heads * s_.queries * row_ + column,
                  k_head = h / s_.heads * s_.keys * row_ + column;
    spread_rows<T, kGroup>(k + k_head, row_, s_.keys, s_.width, keys);
    spread_rows<T, kGroup>(v + k_head, row_, s_.keys, s_.width, values);
    spread_columns(k + k_head, row_, s_.keys, channels_, keys_ / kPer<T>, 0, across_keys);
    std::fill(dk_sum, dk_sum + s_.keys * lanes_, 0.f);
    std::fill(dv_sum, dv_sum + s_.keys * lanes_, 0.f);
    std::fill(factors, factors + kPanel, s_.scale);
    for (int64_t first = 0; first < s_.queries; first += queries_) {
      const int64_t rows = std::min(queries_, s_.queries - first), from = q_head + first * row_;
      const int64_t panels = ratio_up(rows, kPanel);
      across(q + from, row_, rows, s_.width, q_across, query_line_);
      across(dy + from, row_, rows, s_.width, dy_across, query_line_);
      along(q + from, row_, rows, s_.width, lanes_, q_along);
      along(dy + from, row_, rows, s_.width, lanes_, dy_along);
      for (int64_t r = 0; r < panels * kPanel; ++r)
        shift[r] = r < rows ? kLog2E * lse[h * s_.queries + first + r] : 0;
      std::fill(delta, delta + panels * kPanel, 0.f);
      dots(dy + from, out + from, row_, rows, s_.width, delta);  // sum_j p_j dp_j = dy . out
      std::fill(dq_sum, dq_sum + panels * kPanel * s_.width, 0.f);
      for (int64_t j = 0; j < s_.keys && !(s_.causal && j >= first + rows); j += kKeys<T>) {
        const int64_t n = std::min(kKeys<T>, s_.keys - j);
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t at_query = panel * kPanel, word = at_query / kPer<T>;
          const float *shifts = shift + at_query, *deltas = delta + at_query;
          constexpr auto weigh_groups = kThrice ? weigh_thrice<T> : weigh_in_turn<T>;
          weigh_groups({keys + j * words_,
                        values + j * words_,
                        {q_across + at_query, query_line_},
                        {dy_across + at_query, query_line_},
                        words_,
                        s_.scale * kLog2E,
                        {s_.keys - j, j - first - at_query, s_.causal},
                        {load(shifts), load(shifts + kLanes)},
                        {load(deltas), load(deltas + kLanes)}},
                       ratio_up(n, kGroup), {p + word, ds + word, ds_pairs});
          const Rows pairs = kPer<T> == 1 ? Rows{ds + word, kWeightLine<T>} : Rows{ds_pairs, kPanel};
          add_product<T>(channels_, across_keys, keys_ / kPer<T>, j / kPer<T>, (n + kPer<T> - 1) / kPer<T>,
                         pairs, dq_sum + panel * s_.width * kPanel);
        }
        const int64_t words = panels * kPanel / kPer<T>;
        add_product<T, kWeightLine<T>>(n, words, lanes_, p, {dy_along, lanes_}, dv_sum + j * lanes_, lanes_);
        add_product<T, kWeightLine<T>>(n, words, lanes_, ds, {q_along, lanes_}, dk_sum + j * lanes_, lanes_);
      }
      for (int64_t panel = 0; panel < panels; ++panel)
        rows_of(dq_sum + panel * s_.width * kPanel, factors, rows - panel * kPanel, s_.width,
                dq + from + panel * kPanel * row_, row_);
    }
    scaled(dk_sum, lanes_, s_.scale, s_.keys, s_.width, dk + k_head, row_);
    scaled(dv_sum, lanes_, 1.f, s_.keys, s_.width, dv + k_head, row_);
  }

  AttentionShape s_;
  int64_t row_, words_, lanes_, keys_, queries_, query_line_;
  Blocks channels_;
  int64_t per_thread_;
  Scratch own_;
};

// Halves that cannot be multiplied as they are: widened as a whole, computed in float, narrowed.
template <typename T>
Run widened(const Instruction& i, const AttentionShape& s) {
  auto backward = std::make_shared<Backward<float>>(i, s);
  const Tensor dy = i.in(0), q = i.in(1), k = i.in(2), v = i.in(3), out = i.in(4), lse = i.in(5);
  const Tensor dq = i.out(0), dk = i.out(1), dv = i.out(2);
  const int64_t nq = q.count(), nk = k.count();
  const Scratch wide = i.scratch(sizeof(float) * size_t(4 * nq + 4 * nk));
  return [=] {
    float *fdy = wide.get<float>(), *fq = fdy + nq, *fo = fq + nq, *fdq = fo + nq;
    float *fk = fdq + nq, *fv = fk + nk, *fdk = fv + nk, *fdv = fdk + nk;
    convert(dy.as<T>(), fdy, nq);
    convert(q.as<T>(), fq, nq);
    convert(out.as<T>(), fo, nq);
    convert(k.as<T>(), fk, nk);
    convert(v.as<T>(), fv, nk);
    backward->run(fdy, fq, fk, fv, fo, lse.as<float>(), fdq, fdk, fdv);
    convert(fdq, dq.as<T>(), nq);
    convert(fdk, dk.as<T>(), nk);
    convert(fdv, dv.as<T>(), nk);
  };
}

template <typename T>
Run direct(const Instruction& i, const AttentionShape& s) {
  auto backward = std::make_shared<Backward<T>>(i, s);
  const Tensor dy = i.in(0), q = i.in(1), k = i.in(2), v = i.in(3), out = i.in(4), lse = i.in(5);
  const Tensor dq = i.out(0), dk = i.out(1), dv = i.out(2);
  return [=] {
    backward->run(dy.as<T>(), q.as<T>(), k.as<T>(), v.as<T>(), out.as<T>(), lse.as<float>(), dq.as<T>(),
                  dk.as<T>(), dv.as<T>());
  };
}

}  // namespace

Run prepare_attention_backward(const Instruction& i) {
  const AttentionShape s = attention_backward_shape(i);
  if (!i.in(1).count() || !i.in(2).count()) return [] {};
  switch (i.in(1).dtype) {
    case EASEL_F16:
      return widened<f16>(i, s);
    case EASEL_BF16:
      if constexpr (kWide) {
        if (amx_attends(s)) return amx_attention_backward(i, s);
        if (multiplies_bf16() && s.width % 2 == 0) return direct<bf16>(i, s);
      }
      return widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
