// attention: out = softmax(scale * q k^T) v for each head; lse is kept for the gradient (arXiv 2205.14135).
// Compute-bound: both products of a tile run while its scores are in cache; scores never reach memory.
#include "../executor/shapes/attention.h"

#include <cmath>
#include <limits>

#include "attention_layouts.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr int64_t kQueries = 128, kKeys = 128;  // of a block, of a tile
constexpr int64_t kLine = kQueries + 16;        // from a row of queries to the next, by whole cache lines
constexpr float kLog2e = 1.44269504f;

// What is known of a panel's queries after some tiles of keys.
struct Known {
  Vec max[2], sum[2];
};

// A tile's scores (n, kPanel) as unnormalised weights, where they lie or as pairs of keys. Causal: `first` is
// the tile's first key less the panel's first query. Sums (width, kPanel) of earlier tiles follow the largest
// score.
template <typename T, bool Causal>
void weigh(float* s, float* pairs, int64_t n, int64_t first, float scale, Known& known, float* sums,
           int64_t width) {
  const IntVec lanes = lane_numbers(EachLane());
  const auto seen = [&](int64_t key, int v) { return lanes + int(v * kLanes - first - key) >= 0; };
  const Vec least = spread(-std::numeric_limits<float>::infinity());
  Vec shift[2], sum[2] = {};
  for (int v = 0; v < 2; ++v) {
    Vec max = known.max[v];
    for (int64_t j = 0; j < n; ++j) {
      Vec x = load(s + j * kPanel + v * kLanes);
      if constexpr (Causal) x = seen(j, v) ? x : least;
      max = x > max ? x : max;
    }
    shift[v] = max * scale;
    const Vec before = exp2_of<float>(known.max[v] * scale - shift[v]);
    known.max[v] = max;
    known.sum[v] *= before;
    for (int64_t c = 0; c < width; ++c) {
      float* at = sums + c * kPanel + v * kLanes;
      store(at, load(at) * before);
    }
  }
  const auto weight = [&](int64_t j, int v) {
    Vec x = exp2_of<T>(load(s + j * kPanel + v * kLanes) * scale - shift[v]);
    if constexpr (Causal) x = seen(j, v) ? x : Vec{};
    sum[v] += x;
    return x;
  };
  if constexpr (std::is_same_v<T, float>) {
    for (int64_t j = 0; j < n; ++j)
      for (int v = 0; v < 2; ++v) store(s + j * kPanel + v * kLanes, weight(j, v));
  } else {
    for (int64_t j = 0; j < n; j += 2) {
      const Vec a0 = weight(j, 0), a1 = weight(j, 1);
      const Vec b0 = j + 1 < n ? weight(j + 1, 0) : Vec{}, b1 = j + 1 < n ? weight(j + 1, 1) : Vec{};
      store_pairs(pairs + j / 2 * kPanel, narrowed(a0, a1), narrowed(b0, b1));
    }
  }
  for (int v = 0; v < 2; ++v) known.sum[v] += sum[v];
}

// T: float or bf16, what the products read.
template <typename T>
class Forward {
 public:
  Forward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(s.width / kPer<T>),
        key_line_(apart<T>(s.keys)),
        values_(i.scratch(sizeof(T) * size_t(s.batch * s.heads * s.width * key_line_))),
        per_thread_(sizeof(float) *
                    size_t(words_ * kLine + kKeys * kPanel * 2 + s.width * kQueries + kPanel)),
        own_(i.scratch(per_thread_ * size_t(i.threads()))) {}

  void run(const T* q, const T* k, const T* v, T* out, float* lse) {
    constexpr int64_t kChunk = 512;
    const int64_t heads = s_.batch * s_.heads, blocks = (s_.queries + kQueries - 1) / kQueries;
    const int64_t chunks = (s_.keys + kChunk - 1) / kChunk;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < heads * chunks; ++task) {
      const int64_t h = task / chunks, from = task % chunks * kChunk, n = std::min(kChunk, s_.keys - from);
      transposed(v + head_offset(h, s_.keys) + from * row_, row_, n, s_.width, values_of(h) + from,
                 key_line_);
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; ++task)
      block(omp_get_thread_num(), task / blocks, task % blocks * kQueries, q, k, out, lse);
  }

 private:
  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }
  T* values_of(int64_t h) const { return values_.get<T>() + h * s_.width * key_line_; }

  void block(int t, int64_t h, int64_t first, const T* q, const T* k, T* out, float* lse) const {
    const int64_t rows = std::min(kQueries, s_.queries - first), panels = (rows + kPanel - 1) / kPanel;
    const int64_t at = head_offset(h, s_.queries) + first * row_;
    float* queries = reinterpret_cast<float*>(own_.get() + per_thread_ * size_t(t));
    float *scores = queries + words_ * kLine, *pairs = scores + kKeys * kPanel;
    float *sums = pairs + kKeys * kPanel, *factors = sums + s_.width * kQueries;
    const float scale = s_.scale * kLog2e;
    const int64_t line = row_ / kPer<T>;
    Known known[kQueries / kPanel];
    across(q + at, row_, rows, s_.width, queries, kLine);
    std::fill(sums, sums + panels * s_.width * kPanel, 0.f);
    for (int64_t p = 0; p < panels; ++p)
      for (int v = 0; v < 2; ++v)
        known[p].max[v] = spread(-std::numeric_limits<float>::infinity()), known[p].sum[v] = Vec{};
    for (int64_t j = 0; j < s_.keys; j += kKeys)
      for (int64_t p = 0; p < panels; ++p) {
        const int64_t from = first + p * kPanel;  // the panel's first query
        const int64_t n = std::min({kKeys, s_.keys - j, s_.causal ? from + kPanel - j : kKeys});
        if (n <= 0) continue;
        float *of_panel = sums + p * s_.width * kPanel, *weights = std::is_same_v<T, float> ? scores : pairs;
        product<T, false>(n, words_, kPanel, {words_of(k + head_offset(h, s_.keys) + j * row_), line},
                          {queries + p * kPanel, kLine}, scores, kPanel);
        (s_.causal && j + n - 1 > from ? weigh<T, true> : weigh<T, false>)(scores, pairs, n, j - from, scale,
                                                                           known[p], of_panel, s_.width);
        product<T, true>(s_.width, (n + kPer<T> - 1) / kPer<T>, kPanel,
                         {words_of(values_of(h) + j), key_line_ / kPer<T>}, {weights, kPanel}, of_panel,
                         kPanel);
      }
    for (int64_t p = 0; p < panels; ++p) {
      float max[kPanel], sum[kPanel];
      const int64_t left = std::min<int64_t>(kPanel, rows - p * kPanel);
      for (int v = 0; v < 2; ++v) {
        store(max + v * kLanes, known[p].max[v]);
        store(sum + v * kLanes, known[p].sum[v]);
        store(factors + v * kLanes, 1.f / known[p].sum[v]);
      }
      for (int64_t r = 0; r < left; ++r)
        lse[h * s_.queries + first + p * kPanel + r] = s_.scale * max[r] + std::log(sum[r]);
      rows_of(sums + p * s_.width * kPanel, factors, left, s_.width, out + at + p * kPanel * row_, row_);
    }
  }

  AttentionShape s_;
  int64_t row_, words_, key_line_;
  Scratch values_;  // (batch, heads, width, keys): transposed
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
      if constexpr (kWide)
        if (multiplies_bf16() && s.width % 2 == 0) return direct<bf16>(i, s);
      return widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
