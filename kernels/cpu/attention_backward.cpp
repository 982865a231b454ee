// attentionBackward: dq, dk, dv from dy, recomputing the weights from q, k and lse tile by tile (arXiv
// 2205.14135). Compute-bound: five products a tile. Scores lie with queries as lanes, so that what is known
// of a query is a vector. One thread owns a head, so dk and dv add up in one fixed order.
#include "../executor/shapes/attention.h"
#include "attention_layouts.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr float kLog2e = 1.44269504f;

template <typename T>
class Backward {
 public:
  Backward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        words_(s.width / kPer<T>),
        lanes_(round_up(s.width, kUnit)),
        key_line_(apart<T>(s.keys)),
        // What is kept of a block of queries has to stay in the second-level cache.
        queries_(
            std::min(round_up(s.queries, kPanel), std::clamp<int64_t>(20480 / s.width / 64 * 64, 64, 512))),
        query_line_(apart<float>(queries_)),
        weight_line_(apart<T>(queries_)),
        per_thread_(round_up(
            int64_t(sizeof(float)) *
                (s.width * key_line_ / kPer<T> + 2 * s.keys * lanes_ + 2 * words_ * query_line_ +
                 2 * queries_ / kPer<T> * lanes_ + 2 * kKeys * kPanel + 2 * kKeys * weight_line_ / kPer<T> +
                 kKeys * kPanel / 2 + queries_ * s.width + 2 * queries_ + kPanel + 16 * 16),
            64)),
        own_(i.scratch(size_t(per_thread_ * i.threads()))) {}

  void run(const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse, T* dq, T* dk,
           T* dv) {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t h = 0; h < heads; ++h) head(omp_get_thread_num(), h, dy, q, k, v, out, lse, dq, dk, dv);
  }

 private:
  static constexpr int64_t kKeys = std::is_same_v<T, float> ? 64 : 128;  // of a tile

  // A panel's weights of a tile and their gradients, (keys, kPanel) as T with rows weight_line_ apart, and
  // the latter as what the next product reads, pairs of keys for bf16.
  struct Weights {
    T *p, *ds;
    float* ds_pairs;
  };

  void head(int t, int64_t h, const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse,
            T* dq, T* dk, T* dv) const {
    float* at = reinterpret_cast<float*>(own_.get() + per_thread_ * t);
    const auto take = [&](int64_t count) { return std::exchange(at, at + round_up(count, 16)); };
    T* keys = reinterpret_cast<T*>(take(s_.width * key_line_ / kPer<T>));  // (width, keys)
    float *dk_sum = take(s_.keys * lanes_), *dv_sum = take(s_.keys * lanes_);
    float *q_across = take(words_ * query_line_), *dy_across = take(words_ * query_line_);
    float *q_along = take(queries_ / kPer<T> * lanes_), *dy_along = take(queries_ / kPer<T> * lanes_);
    float *s = take(kKeys * kPanel), *dp = take(kKeys * kPanel), *ds_pairs = take(kKeys * kPanel / 2);
    T* p = reinterpret_cast<T*>(take(kKeys * weight_line_ / kPer<T>));
    T* ds = reinterpret_cast<T*>(take(kKeys * weight_line_ / kPer<T>));
    float *dq_sum = take(queries_ * s_.width), *shift = take(queries_), *delta = take(queries_);
    float* factors = take(kPanel);
    const int64_t column = h % s_.heads * s_.width, line = row_ / kPer<T>;
    const int64_t q_head = h / s_.heads * s_.queries * row_ + column,
                  k_head = h / s_.heads * s_.keys * row_ + column;
    transposed(k + k_head, row_, s_.keys, s_.width, keys, key_line_);
    std::fill(dk_sum, dk_sum + s_.keys * lanes_, 0.f);
    std::fill(dv_sum, dv_sum + s_.keys * lanes_, 0.f);
    std::fill(factors, factors + kPanel, s_.scale);
    for (int64_t first = 0; first < s_.queries; first += queries_) {
      const int64_t rows = std::min(queries_, s_.queries - first), from = q_head + first * row_;
      const int64_t panels = (rows + kPanel - 1) / kPanel;
      across(q + from, row_, rows, s_.width, q_across, query_line_);
      across(dy + from, row_, rows, s_.width, dy_across, query_line_);
      along(q + from, row_, rows, panels * kPanel, s_.width, lanes_, q_along);
      along(dy + from, row_, rows, panels * kPanel, s_.width, lanes_, dy_along);
      for (int64_t r = 0; r < panels * kPanel; ++r) {
        shift[r] = r < rows ? kLog2e * lse[h * s_.queries + first + r] : 0;
        // sum_j p_j dp_j = dy . out
        delta[r] = r < rows ? dot(dy + from + r * row_, out + from + r * row_) : 0;
      }
      std::fill(dq_sum, dq_sum + panels * kPanel * s_.width, 0.f);
      for (int64_t j = 0; j < s_.keys && !(s_.causal && j >= first + rows); j += kKeys) {
        const int64_t n = std::min(kKeys, s_.keys - j);
        for (int64_t panel = 0; panel < panels; ++panel) {
          const int64_t at_query = panel * kPanel, query = first + at_query;
          const Weights w{p + at_query, ds + at_query, ds_pairs};
          product<T, false>(n, words_, kPanel, {words_of(k + k_head + j * row_), line},
                            {q_across + at_query, query_line_}, s, kPanel);
          product<T, false>(n, words_, kPanel, {words_of(v + k_head + j * row_), line},
                            {dy_across + at_query, query_line_}, dp, kPanel);
          if (s_.causal && j + n - 1 > query)
            weigh<true>(s, dp, w, n, j - query, shift + at_query, delta + at_query);
          else
            weigh<false>(s, dp, w, n, j - query, shift + at_query, delta + at_query);
          Rows pairs{ds_pairs, kPanel};
          if constexpr (kPer<T> == 1) pairs = {w.ds, weight_line_};
          product<T, true>(s_.width, (n + kPer<T> - 1) / kPer<T>, kPanel,
                           {words_of(keys + j), key_line_ / kPer<T>}, pairs,
                           dq_sum + panel * s_.width * kPanel, kPanel);
        }
        const int64_t words = panels * kPanel / kPer<T>, weight_line = weight_line_ / kPer<T>;
        product<T, true>(n, words, lanes_, {words_of(p), weight_line}, {dy_along, lanes_},
                         dv_sum + j * lanes_, lanes_);
        product<T, true>(n, words, lanes_, {words_of(ds), weight_line}, {q_along, lanes_},
                         dk_sum + j * lanes_, lanes_);
      }
      for (int64_t panel = 0; panel < panels; ++panel)
        rows_of(dq_sum + panel * s_.width * kPanel, factors, rows - panel * kPanel, s_.width,
                dq + from + panel * kPanel * row_, row_);
    }
    for (int64_t r = 0; r < s_.keys; ++r)
#pragma omp simd
      for (int64_t c = 0; c < s_.width; ++c) {
        dk[k_head + r * row_ + c] = from_float<T>(s_.scale * dk_sum[r * lanes_ + c]);
        dv[k_head + r * row_ + c] = from_float<T>(dv_sum[r * lanes_ + c]);
      }
  }

  float dot(const T* a, const T* b) const {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < s_.width; ++c) sum += to_float(a[c]) * to_float(b[c]);
    return sum;
  }

  // p = exp(scale s - lse), ds = p (dp - delta); dq and dk are scaled at the end. Hidden keys get 0: `first`
  // is the tile's first key less the panel's first query.
  template <bool Causal>
  void weigh(const float* s, const float* dp, const Weights& to, int64_t n, int64_t first, const float* shift,
             const float* delta) const {
    const IntVec lanes = lane_numbers(EachLane());
    const Vec shifts[2] = {load(shift), load(shift + kLanes)},
              deltas[2] = {load(delta), load(delta + kLanes)};
    const float scale = s_.scale * kLog2e;
    const auto weights = [&](int64_t j, int v, Vec& p, Vec& ds) {
      const int64_t at = j * kPanel + v * kLanes;
      p = exp2_of(load(s + at) * scale - shifts[v]);
      if constexpr (Causal) p = lanes + int(v * kLanes - first - j) >= 0 ? p : Vec{};
      ds = p * (load(dp + at) - deltas[v]);
    };
    if constexpr (std::is_same_v<T, float>) {
      for (int64_t j = 0; j < n; ++j)
        for (int v = 0; v < 2; ++v) {
          Vec p, ds;
          weights(j, v, p, ds);
          store(to.p + j * weight_line_ + v * kLanes, p);
          store(to.ds + j * weight_line_ + v * kLanes, ds);
        }
    } else {
      for (int64_t j = 0; j < n; j += 2) {
        Narrow ds[2] = {};
        for (int64_t k = 0; k < std::min<int64_t>(2, n - j); ++k) {
          Vec p0, p1, ds0, ds1;
          weights(j + k, 0, p0, ds0);
          weights(j + k, 1, p1, ds1);
          const Narrow p = narrowed(p0, p1);
          ds[k] = narrowed(ds0, ds1);
          memcpy(to.p + (j + k) * weight_line_, &p, sizeof p);
          memcpy(to.ds + (j + k) * weight_line_, &ds[k], sizeof p);
        }
        store_pairs(to.ds_pairs + j / 2 * kPanel, ds[0], ds[1]);
      }
    }
  }

  AttentionShape s_;
  int64_t row_, words_, lanes_, key_line_, queries_, query_line_, weight_line_, per_thread_;
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
      if constexpr (kWide)
        if (multiplies_bf16() && s.width % 2 == 0) return direct<bf16>(i, s);
      return widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
