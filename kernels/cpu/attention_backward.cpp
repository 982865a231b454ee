// attentionBackward: dq, dk, dv from dy, recomputing the weights from q, k and lse tile by tile (arXiv
// 2205.14135). Compute-bound: five products a tile. dk and dv are summed transposed, so that no product reads
// the weights across their rows. One thread owns a head, so they add up in one fixed order.
#include <cmath>
#include <type_traits>

#include "../executor/shapes/attention.h"
#include "attention_gemm.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

template <typename T>
class Backward {
 public:
  Backward(const Instruction& i, const AttentionShape& s, int32_t dtype)
      : s_(s),
        tiles_(s),
        row_(s.row()),
        key_line_(apart<T>(s.keys)),
        sum_line_(apart<float>(s.keys)),
        score_line_(apart<float>(tiles_.keys)),
        weight_line_(apart<T>(tiles_.keys)),
        // (m, width) x (width, n): scores from q and k^T, weight gradients from dy and v^T.
        scores_(tiles_,
                [&](int64_t m, int64_t n) {
                  return Gemm(i, dtype, m, n, s.width, {row_, 1}, {key_line_, 1}, score_line_, false);
                }),
        // (m, n) x (n, width): dq, from ds and k.
        dq_(tiles_,
            [&](int64_t m, int64_t n) {
              return Gemm(i, dtype, m, s.width, n, {weight_line_, 1}, {row_, 1}, s.width, true);
            }),
        // (width, m) x (m, n): dv^T from dy and the weights, dk^T from q and ds.
        dkv_(tiles_,
             [&](int64_t m, int64_t n) {
               return Gemm(i, dtype, s.width, n, m, {1, row_}, {weight_line_, 1}, sum_line_, true);
             }),
        across_(dtype, s.width, s.keys, {1, row_}, key_line_, i.threads()) {
    const auto scores = size_t(tiles_.rows * score_line_), weights = size_t(tiles_.rows * weight_line_);
    per_thread_ = sizeof(T) * 2 * size_t(s.width * key_line_) + sizeof(float) * 2 * scores +
                  (kInPlace ? 0 : sizeof(T) * 2 * weights) + sizeof(float) * 2 * size_t(s.width * sum_line_) +
                  round(sizeof(float) * size_t(tiles_.rows * s.width));
    scratch_ = i.scratch(per_thread_ * size_t(i.threads()));
  }

  void run(const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse, T* dq, T* dk,
           T* dv) {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t h = 0; h < heads; ++h) head(omp_get_thread_num(), h, dy, q, k, v, out, lse, dq, dk, dv);
  }

 private:
  static constexpr bool kInPlace = std::is_same_v<T, float>;  // p and ds take the place of scores and dp

  static size_t round(size_t bytes) { return (bytes + 63) / 64 * 64; }

  void head(int t, int64_t h, const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse,
            T* dq, T* dk, T* dv) {
    char* at = scratch_.get() + per_thread_ * size_t(t);
    const auto take = [&](auto type, int64_t count) {
      auto* here = reinterpret_cast<typename decltype(type)::type*>(at);
      at += round(size_t(count) * sizeof *here);
      return here;
    };
    T *k_across = take(Type<T>(), s_.width * key_line_), *v_across = take(Type<T>(), s_.width * key_line_);
    float *s = take(Type<float>(), tiles_.rows * score_line_),
          *dp = take(Type<float>(), tiles_.rows * score_line_);
    T *p, *ds;
    if constexpr (kInPlace) {
      p = s;
      ds = dp;
    } else {
      p = take(Type<T>(), tiles_.rows * weight_line_);
      ds = take(Type<T>(), tiles_.rows * weight_line_);
    }
    float *dk_sum = take(Type<float>(), s_.width * sum_line_),
          *dv_sum = take(Type<float>(), s_.width * sum_line_);
    float* dq_sum = take(Type<float>(), tiles_.rows * s_.width);
    const int64_t column = h % s_.heads * s_.width;
    const int64_t q_head = h / s_.heads * s_.queries * row_ + column,
                  k_head = h / s_.heads * s_.keys * row_ + column;
    across_.run(t, k + k_head, k_across);
    across_.run(t, v + k_head, v_across);
    std::fill(dk_sum, dk_sum + s_.width * sum_line_, 0.f);
    std::fill(dv_sum, dv_sum + s_.width * sum_line_, 0.f);
    for (int64_t first = 0; first < s_.queries; first += tiles_.rows) {
      const int64_t rows = tiles_.rows_at(first), from = q_head + first * row_;
      float delta[Tiles::kRows];  // sum_j p_j dp_j = dy . out
      for (int64_t r = 0; r < rows; ++r) delta[r] = product(dy + from + r * row_, out + from + r * row_);
      std::fill(dq_sum, dq_sum + rows * s_.width, 0.f);
      for (int64_t j = 0; j < s_.keys && !(s_.causal && j >= first + rows); j += tiles_.keys) {
        const int64_t n = tiles_.keys_at(j);
        scores_.at(rows, n).run(t, q + from, k_across + j, s);
        scores_.at(rows, n).run(t, dy + from, v_across + j, dp);
        for (int64_t r = 0; r < rows; ++r)
          weights_row(s + r * score_line_, dp + r * score_line_, p + r * weight_line_, ds + r * weight_line_,
                      n, tiles_.visible(s_, first + r, j, n), delta[r], lse[h * s_.queries + first + r]);
        dkv_.at(rows, n).run(t, dy + from, p, dv_sum + j);
        dkv_.at(rows, n).run(t, q + from, ds, dk_sum + j);
        dq_.at(rows, n).run(t, ds, k + k_head + j * row_, dq_sum);
      }
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < s_.width; ++c)
          dq[from + r * row_ + c] = from_float<T>(dq_sum[r * s_.width + c]);
    }
    for (int64_t r = 0; r < s_.keys; ++r)
      for (int64_t c = 0; c < s_.width; ++c) {
        dk[k_head + r * row_ + c] = from_float<T>(dk_sum[c * sum_line_ + r]);
        dv[k_head + r * row_ + c] = from_float<T>(dv_sum[c * sum_line_ + r]);
      }
  }

  float product(const T* a, const T* b) const {
    float sum = 0;
    for (int64_t c = 0; c < s_.width; ++c) sum += to_float(a[c]) * to_float(b[c]);
    return sum;
  }

  // p = exp(scale s - lse), ds = scale p (dp - delta), which may lie where s and dp do; hidden keys get 0.
  void weights_row(const float* s, const float* dp, T* p, T* ds, int64_t n, int64_t visible, float delta,
                   float lse) const {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      const float weight = exp_of(s_.scale * s[j] - lse);
      const float gradient = s_.scale * weight * (dp[j] - delta);
      p[j] = from_float<T>(weight);
      ds[j] = from_float<T>(gradient);
    }
    for (int64_t j = visible; j < n; ++j) p[j] = ds[j] = from_float<T>(0);
  }

  AttentionShape s_;
  Tiles tiles_;
  int64_t row_, key_line_, sum_line_, score_line_, weight_line_;
  TileGemm scores_, dq_, dkv_;
  Packer across_;
  size_t per_thread_;
  Scratch scratch_;
};

// Halves that cannot be multiplied as they are: widened as a whole, computed in float, narrowed.
template <typename T>
Run widened(const Instruction& i, const AttentionShape& s) {
  auto backward = std::make_shared<Backward<float>>(i, s, EASEL_F32);
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
  auto backward = std::make_shared<Backward<T>>(i, s, i.in(1).dtype);
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
      return multiplies_bf16() ? direct<bf16>(i, s) : widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
