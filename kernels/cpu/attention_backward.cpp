// attentionBackward: dq, dk, dv from dy, recomputing the weights from q, k and lse block by block (arXiv
// 2205.14135). Compute-bound: five products a block. One thread owns a head, so dk and dv add up in one fixed
// order.
#include <cmath>

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
      : s_(s), row_(s.row()), block_(block_rows(s.queries, s.keys)) {
    const int64_t tail = s.queries % block_, threads = i.threads();
    const auto make = [&](auto build) { return std::make_unique<BlockGemm>(i, dtype, block_, tail, build); };
    const Strides dense_row{row_, 1};
    // (rows, width) x (width, keys): scores from q and k^T, weight gradients from dy and v^T.
    scores_ = make(
        [&](int64_t m) { return Gemm(i, dtype, m, s.keys, s.width, dense_row, nullptr, s.keys, false); });
    // (rows, keys) x (keys, width): dq.
    dq_ = make(
        [&](int64_t m) { return Gemm(i, dtype, m, s.width, s.keys, {s.keys, 1}, nullptr, s.width, false); });
    // (keys, rows) x (rows, width), added up over the blocks: dv from the weights and dy, dk from ds and q.
    dkv_ = make([&](int64_t m) {
      return Gemm(i, dtype, s.keys, s.width, m, {1, s.keys}, &dense_row, s.width, true);
    });
    across_ = std::make_unique<Packer>(dtype, s.width, s.keys, Strides{1, row_}, scores_->at(block_).packed(),
                                       threads);
    along_ =
        std::make_unique<Packer>(dtype, s.keys, s.width, Strides{row_, 1}, dq_->at(block_).packed(), threads);
    if (tail && (scores_->at(tail).packed() != scores_->at(block_).packed() ||
                 dq_->at(tail).packed() != dq_->at(block_).packed()))
      i.fail("tail layout differs");
    const size_t square = size_t(block_ * s.keys), tall = size_t(s.keys * s.width);
    per_thread_ = 2 * across_->bytes() + along_->bytes() + round(square * 4) * 2 +
                  round(square * sizeof(T)) * 2 + round(tall * 4) * 2 + round(size_t(block_ * s.width) * 4);
    scratch_ = i.scratch(per_thread_ * size_t(threads));
  }

  void run(const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse, T* dq, T* dk,
           T* dv) const {
    const int64_t heads = s_.batch * s_.heads;
#pragma omp parallel for schedule(dynamic)
    for (int64_t h = 0; h < heads; ++h) head(omp_get_thread_num(), h, dy, q, k, v, out, lse, dq, dk, dv);
  }

 private:
  static size_t round(size_t bytes) { return (bytes + 63) / 64 * 64; }

  void head(int t, int64_t h, const T* dy, const T* q, const T* k, const T* v, const T* out, const float* lse,
            T* dq, T* dk, T* dv) const {
    const size_t square = size_t(block_ * s_.keys), tall = size_t(s_.keys * s_.width);
    char* at = scratch_.get() + per_thread_ * size_t(t);
    const auto take = [&](size_t bytes) {
      char* here = at;
      at += round(bytes);
      return here;
    };
    char *k_across = take(across_->bytes()), *v_across = take(across_->bytes()),
         *k_along = take(along_->bytes());
    auto* s = reinterpret_cast<float*>(take(square * 4));
    auto* dp = reinterpret_cast<float*>(take(square * 4));
    T* p = reinterpret_cast<T*>(take(square * sizeof(T)));
    T* ds = reinterpret_cast<T*>(take(square * sizeof(T)));
    auto* dk_sum = reinterpret_cast<float*>(take(tall * 4));
    auto* dv_sum = reinterpret_cast<float*>(take(tall * 4));
    auto* dq_block = reinterpret_cast<float*>(take(size_t(block_ * s_.width) * 4));
    const int64_t column = h % s_.heads * s_.width;
    const int64_t q_head = h / s_.heads * s_.queries * row_ + column,
                  k_head = h / s_.heads * s_.keys * row_ + column;
    across_->run(t, k + k_head, k_across);
    across_->run(t, v + k_head, v_across);
    along_->run(t, k + k_head, k_along);
    std::fill(dk_sum, dk_sum + tall, 0.f);
    std::fill(dv_sum, dv_sum + tall, 0.f);
    for (int64_t first = 0; first < s_.queries; first += block_) {
      const int64_t rows = std::min(block_, s_.queries - first), from = q_head + first * row_;
      scores_->at(rows).run(t, q + from, k_across, s);
      scores_->at(rows).run(t, dy + from, v_across, dp);
      for (int64_t r = 0; r < rows; ++r) {
        float delta = 0;  // sum_j p_j dp_j = dy . out
        const T *dy_row = dy + from + r * row_, *out_row = out + from + r * row_;
        for (int64_t c = 0; c < s_.width; ++c) delta += to_float(dy_row[c]) * to_float(out_row[c]);
        const int64_t visible = s_.causal ? std::min(s_.keys, first + r + 1) : s_.keys;
        weights_row(s + r * s_.keys, dp + r * s_.keys, p + r * s_.keys, ds + r * s_.keys, visible, delta,
                    lse[h * s_.queries + first + r]);
      }
      dkv_->at(rows).run(t, p, dy + from, dv_sum);
      dkv_->at(rows).run(t, ds, q + from, dk_sum);
      dq_->at(rows).run(t, ds, k_along, dq_block);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < s_.width; ++c)
          dq[from + r * row_ + c] = from_float<T>(dq_block[r * s_.width + c]);
    }
    for (int64_t r = 0; r < s_.keys; ++r)
      for (int64_t c = 0; c < s_.width; ++c) {
        dk[k_head + r * row_ + c] = from_float<T>(dk_sum[r * s_.width + c]);
        dv[k_head + r * row_ + c] = from_float<T>(dv_sum[r * s_.width + c]);
      }
  }

  // p = exp(scale s - lse), ds = scale p (dp - delta); hidden keys get 0.
  void weights_row(const float* s, const float* dp, T* p, T* ds, int64_t visible, float delta,
                   float lse) const {
#pragma omp simd
    for (int64_t j = 0; j < visible; ++j) {
      const float weight = exp_of(s_.scale * s[j] - lse);
      p[j] = from_float<T>(weight);
      ds[j] = from_float<T>(s_.scale * weight * (dp[j] - delta));
    }
    for (int64_t j = visible; j < s_.keys; ++j) p[j] = ds[j] = from_float<T>(0);
  }

  AttentionShape s_;
  int64_t row_, block_;
  std::unique_ptr<BlockGemm> scores_, dq_, dkv_;
  std::unique_ptr<Packer> across_, along_;
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
