// attention: out = softmax(scale * q k^T) v for each head; lse is kept for the gradient (arXiv 2205.14135).
// Compute-bound: both products of a tile run while its scores are in cache; scores never reach memory.
#include "../../executor/shapes/product/attention.h"

#include <cmath>
#include <limits>

#include "../vectors/functions.h"
#include "amx_attention.h"
#include "attention_layouts.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr int64_t kQueries = 128, kKeys = 120;  // of a block, of a tile
constexpr int64_t kLine = kQueries + 16;        // from a row of queries to the next, by whole cache lines
// Sums of a tile's weights up to which the next tile's are of the same shift: of float more would cost digits
// of the exponent.
template <typename T>
constexpr float kMuch = std::is_same_v<T, float> ? 4096 : 1e15f;
// Keys whose scores are in registers, twice where these suffice.
constexpr int kRows = 6;
constexpr bool kTwice = kRegisters == 32;
static_assert(kKeys % (2 * kRows) == 0);

// What is known of a panel's queries after some tiles of keys: weights are 2^(scale * score - shift).
struct Known {
  bool any = false;
  Vec shift[2], sum[2] = {};
};

// Finite, or weights of -infinity would be NaN.
inline Vec shift_of(Vec most) {
  const Vec least = spread(-1e30f);
  return least > most ? least : most;
}

// A panel of queries and tiles of kRows keys, packed.
struct Scores {
  const Word* keys;
  Rows queries;
  int64_t words;
  float scale;
  Seen seen;
};

template <int R>
[[gnu::always_inline]] inline void raise(Vec (&most)[2], const Vec (&x)[R][2]) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) most[v] = x[r][v] > most[v] ? x[r][v] : most[v];
}

// 2^x, or where it is too large for a float at least what is far above kMuch.
template <typename T>
inline Vec weight_of(Vec x) {
  return exp2_of<T>(kWide ? x : at_most(x, 127.f));
}

// Weights of a row of scores, of two for bf16.
template <typename T>
[[gnu::always_inline]] inline void weigh_row(const Vec (&x)[kRows][2], int r, int v, float scale, Vec shift,
                                             Vec& sum, float* weights) {
  float* to = weights + r / kPer<T> * kPanel + v * kLanes;
  const Vec y = weight_of<T>(x[r][v] * scale - shift);
  if constexpr (std::is_same_v<T, float>) {
    sum += y;
    store(to, y);
  } else {
    const Narrow pairs = pairs_of(and_half(y), and_half(weight_of<T>(x[r + 1][v] * scale - shift)));
    memcpy(to, &pairs, sizeof pairs);
    sum = multiply_add<T>(sum, (Vec)pairs, (Vec)(IntVec{} + 0x3f803f80));  // times one, one
  }
}

// Weights of some tiles, words of the next product, and their sums. Scores never are in memory, and while
// those of a tile are multiplied the weights of the one before are made.
template <typename T>
void weigh(const Scores& s, int64_t tiles, float* weights, Known& known, Vec (&sums)[2]) {
  constexpr int kSteps = kRows / kPer<T> * 2;
  Vec next[kRows][2] = {}, x[kRows][2], sum[2] = {};
  const Word* keys = s.keys;
  Rows queries = s.queries;
  add_panel<T>(keys, queries, s.words, next);
  for (int64_t t = 0;; weights += kRows / kPer<T> * kPanel) {
    hide(next, s.seen, t * kRows);
    if (!known.any) {
      Vec most[2] = {next[0][0], next[0][1]};
      raise(most, next);
      for (int v = 0; v < 2; ++v) known.shift[v] = shift_of(most[v] * s.scale);
      known.any = true;
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < 2; ++v) x[r][v] = next[r][v], next[r][v] = Vec{};
    const bool last = ++t == tiles;
    queries = s.queries;
    int64_t done = 0;
#pragma GCC unroll 16
    for (int k = 0; k < kSteps; ++k) {
      weigh_row<T>(x, k / 2 * kPer<T>, k % 2, s.scale, known.shift[k % 2], sum[k % 2], weights);
      if (!kTwice || last) continue;
      const int64_t until = s.words * (k + 1) / kSteps;
      if (until > done) add_panel<T>(keys, queries, until - done, next);
      done = until;
    }
    if (last) break;
    if (!kTwice) add_panel<T>(keys, queries, s.words, next);
  }
  for (int v = 0; v < 2; ++v) sums[v] = sum[v];
}

// The largest score of each query.
template <typename T>
void largest(const Scores& s, int64_t tiles, Vec (&most)[2]) {
  most[0] = most[1] = spread(-std::numeric_limits<float>::infinity());
  const Word* keys = s.keys;
  for (int64_t t = 0; t < tiles; ++t) {
    Vec x[kRows][2] = {};
    Rows queries = s.queries;
    add_panel<T>(keys, queries, s.words, x);
    hide(x, s.seen, t * kRows);
    raise(most, x);
  }
}

// T: float or bf16, what the products read.
template <typename T>
class Forward {
 public:
  Forward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(s.width / kPer<T>),
        keys_(round_up(s.keys, 2 * kRows)),
        channels_(s.width, kMost),
        packed_(i.scratch(2 * sizeof(T) * size_t(s.batch * s.heads * s.width * keys_))),
        per_thread_(sizeof(float) * size_t(words_ * kLine + kKeys * kPanel + s.width * kQueries + kPanel)),
        own_(i.scratch(per_thread_ * size_t(i.threads()))) {}

  void run(const T* q, const T* k, const T* v, T* out, float* lse) {
    constexpr int64_t kChunk = 4 * kKeys;
    const int64_t heads = s_.batch * s_.heads, blocks = ratio_up(s_.queries, kQueries);
    const int64_t chunks = ratio_up(s_.keys, kChunk);
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < heads * chunks; ++task) {
      const int64_t h = task / chunks, from = task % chunks * kChunk, n = std::min(kChunk, s_.keys - from);
      const int64_t at = head_offset(h, s_.keys) + from * row_;
      spread_rows<T, kRows>(k + at, row_, n, s_.width, keys_of(h) + from * words_);
      spread_columns(v + at, row_, n, channels_, keys_ / kPer<T>, from / kPer<T>, values_of(h));
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; ++task)
      block(omp_get_thread_num(), task / blocks, task % blocks * kQueries, q, out, lse);
  }

 private:
  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }
  float* keys_of(int64_t h) const { return packed_.get<float>() + 2 * h * words_ * keys_; }
  float* values_of(int64_t h) const { return keys_of(h) + words_ * keys_; }

  // Adds n keys from j on to a panel's sums (width, kPanel).
  void add(const Scores& scores, const float* values, int64_t j, int64_t n, float* weights, float* sums,
           Known& known) const {
    const int64_t tiles = ratio_up(n, kRows);
    Vec sum[2];
    weigh<T>(scores, tiles, weights, known, sum);
    if (any_above(sum[0], spread(kMuch<T>)) || any_above(sum[1], spread(kMuch<T>))) [[unlikely]] {
      shift(scores, tiles, sums, known);
      weigh<T>(scores, tiles, weights, known, sum);
    }
    for (int v = 0; v < 2; ++v) known.sum[v] += sum[v];
    add_product<T>(channels_, values, keys_ / kPer<T>, j / kPer<T>, (n + kPer<T> - 1) / kPer<T>,
                   {weights, kPanel}, sums);
  }

  // Sums follow the largest score.
  void shift(const Scores& scores, int64_t tiles, float* sums, Known& known) const {
    Vec most[2];
    largest<T>(scores, tiles, most);
    for (int v = 0; v < 2; ++v) {
      const Vec next = shift_of(most[v] * scores.scale);
      const Vec shift = known.shift[v] > next ? known.shift[v] : next;
      const Vec before = exp2_of(known.shift[v] - shift);
      known.shift[v] = shift;
      known.sum[v] *= before;
      for (int64_t c = 0; c < s_.width; ++c) {
        float* at = sums + c * kPanel + v * kLanes;
        store(at, load(at) * before);
      }
    }
  }

  void block(int t, int64_t h, int64_t first, const T* q, T* out, float* lse) const {
    const int64_t rows = std::min(kQueries, s_.queries - first), panels = ratio_up(rows, kPanel);
    const int64_t at = head_offset(h, s_.queries) + first * row_;
    float* queries = reinterpret_cast<float*>(own_.get() + per_thread_ * size_t(t));
    float *weights = queries + words_ * kLine, *sums = weights + kKeys * kPanel,
          *factors = sums + s_.width * kQueries;
    Known known[kQueries / kPanel];
    across(q + at, row_, rows, s_.width, queries, kLine);
    std::fill(sums, sums + panels * s_.width * kPanel, 0.f);
    for (int64_t j = 0; j < s_.keys; j += kKeys)
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t from = first + p * kPanel;  // the panel's first query
        const int64_t n = std::min({kKeys, s_.keys - j, s_.causal ? from + kPanel - j : kKeys});
        if (n <= 0) continue;
        const Scores scores{keys_of(h) + j * words_,
                            {queries + p * kPanel, kLine},
                            words_,
                            s_.scale * kLog2E,
                            {s_.keys - j, j - from, s_.causal}};
        add(scores, values_of(h), j, n, weights, sums + p * s_.width * kPanel, known[p]);
      }
    for (int64_t p = 0; p < panels; ++p) {
      float shift[kPanel], sum[kPanel];
      const int64_t left = std::min<int64_t>(kPanel, rows - p * kPanel);
      for (int v = 0; v < 2; ++v) {
        store(shift + v * kLanes, known[p].shift[v] * (1 / kLog2E));
        store(sum + v * kLanes, known[p].sum[v]);
        store(factors + v * kLanes, 1.f / known[p].sum[v]);
      }
      for (int64_t r = 0; r < left; ++r)
        lse[h * s_.queries + first + p * kPanel + r] = shift[r] + std::log(sum[r]);
      rows_of(sums + p * s_.width * kPanel, factors, left, s_.width, out + at + p * kPanel * row_, row_);
    }
  }

  AttentionShape s_;
  int64_t row_, words_, keys_;
  Blocks channels_;
  Scratch packed_;  // of each head its keys as spread_rows, then its values as spread_columns
  size_t per_thread_;
  Scratch own_;
};

// Halves that cannot be multiplied as they are: widened as a whole, computed in float, narrowed.
template <typename T>
Run widened(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<Forward<float>>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  const Scratch wide = i.scratch(sizeof(float) * size_t(2 * q.count() + 2 * k.count()));
  return [=] {
    float *fq = wide.get<float>(), *fk = fq + q.count(), *fv = fk + k.count(), *fo = fv + k.count();
    convert(q.as<T>(), fq, q.count());
    convert(k.as<T>(), fk, k.count());
    convert(v.as<T>(), fv, v.count());
    forward->run(fq, fk, fv, fo, lse.as<float>());
    convert(fo, out.as<T>(), out.count());
  };
}

template <typename T>
Run direct(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<Forward<T>>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  return [=] { forward->run(q.as<T>(), k.as<T>(), v.as<T>(), out.as<T>(), lse.as<float>()); };
}

}  // namespace

Run prepare_attention(const Instruction& i) {
  const AttentionShape s = attention_shape(i);
  if (!i.in(0).count() || !i.in(1).count()) return [] {};
  switch (i.in(0).dtype) {
    case EASEL_F16:
      return widened<f16>(i, s);
    case EASEL_BF16:
      if constexpr (kWide) {
        if (amx_attends(s)) return amx_attention(i, s);
        if (multiplies_bf16() && s.width % 2 == 0) return direct<bf16>(i, s);
      }
      return widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
