// attention: out = softmax(scale * q k^T) v for each head; lse is kept for the gradient. Compute-bound: the
// two products of a block of query rows run on packed keys and values while its scores are in cache; scores
// never reach memory.
#include "../executor/shapes/attention.h"

#include <cmath>
#include <limits>

#include "attention_gemm.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

// Row of scores -> unnormalised weights in place (and as T for the next product); returns the weights' sum.
template <typename T>
float softmax_row(float* s, T* p, int64_t n, int64_t visible, float scale, float* max_out) {
  float max = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : max)
  for (int64_t j = 0; j < visible; ++j) max = s[j] > max ? s[j] : max;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < visible; ++j) {
    const float e = exp_of(scale * (s[j] - max));
    p[j] = from_float<T>(e);
    sum += e;
  }
  for (int64_t j = visible; j < n; ++j) p[j] = from_float<T>(0);
  *max_out = max;
  return sum;
}

// T: float or bf16, what the products read.
template <typename T>
class Forward {
 public:
  Forward(const Instruction& i, const AttentionShape& s, int32_t dtype)
      : s_(s), row_(s.row()), block_(block_rows(s.queries, s.keys)) {
    const int64_t tail = s.queries % block_;
    const int64_t threads = i.threads();
    scores_gemm_ = std::make_unique<BlockGemm>(i, dtype, block_, tail, [&](int64_t m) {
      return Gemm(i, dtype, m, s.keys, s.width, {row_, 1}, nullptr, s.keys, false);
    });
    out_gemm_ = std::make_unique<BlockGemm>(i, dtype, block_, tail, [&](int64_t m) {
      return Gemm(i, dtype, m, s.width, s.keys, {s.keys, 1}, nullptr, s.width, false);
    });
    pack_k_ = std::make_unique<Packer>(dtype, s.width, s.keys, Strides{1, row_},
                                       scores_gemm_->at(block_).packed(), threads);
    pack_v_ = std::make_unique<Packer>(dtype, s.keys, s.width, Strides{row_, 1},
                                       out_gemm_->at(block_).packed(), threads);
    packed_ = i.scratch((pack_k_->bytes() + pack_v_->bytes()) * size_t(s.batch * s.heads));
    scores_ = i.scratch(sizeof(float) * size_t(threads * block_ * s.keys));
    weights_ = i.scratch(sizeof(T) * size_t(threads * block_ * s.keys));
    sums_ = i.scratch(sizeof(float) * size_t(threads * block_ * s.width));
    if (tail && scores_gemm_->at(tail).packed() != scores_gemm_->at(block_).packed())
      i.fail("tail layout differs");
    if (tail && out_gemm_->at(tail).packed() != out_gemm_->at(block_).packed()) i.fail("tail layout differs");
  }

  void run(const T* q, const T* k, const T* v, T* out, float* lse) const {
    const int64_t heads = s_.batch * s_.heads, blocks = (s_.queries + block_ - 1) / block_;
    const size_t stride = pack_k_->bytes() + pack_v_->bytes();
#pragma omp parallel for schedule(static)
    for (int64_t h = 0; h < heads; ++h) {
      char* to = packed_.get() + stride * size_t(h);
      pack_k_->run(omp_get_thread_num(), k + head_offset(h, s_.keys), to);
      pack_v_->run(omp_get_thread_num(), v + head_offset(h, s_.keys), to + pack_k_->bytes());
    }
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; ++task) {
      const int64_t h = task / blocks, first = task % blocks * block_;
      block(omp_get_thread_num(), h, first, std::min(block_, s_.queries - first), q, out, lse);
    }
  }

 private:
  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }

  void block(int t, int64_t h, int64_t first, int64_t rows, const T* q, T* out, float* lse) const {
    const char* k = packed_.get() + (pack_k_->bytes() + pack_v_->bytes()) * size_t(h);
    float* s = scores_.get<float>() + int64_t(t) * block_ * s_.keys;
    T* p = weights_.get<T>() + int64_t(t) * block_ * s_.keys;
    float* o = sums_.get<float>() + int64_t(t) * block_ * s_.width;
    const int64_t at = head_offset(h, s_.queries) + first * row_;
    scores_gemm_->at(rows).run(t, q + at, k, s);
    float total[256];
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t visible = s_.causal ? std::min(s_.keys, first + r + 1) : s_.keys;
      float max;
      total[r] = softmax_row(s + r * s_.keys, p + r * s_.keys, s_.keys, visible, s_.scale, &max);
      lse[h * s_.queries + first + r] = s_.scale * max + std::log(total[r]);
    }
    out_gemm_->at(rows).run(t, p, k + pack_k_->bytes(), o);
    for (int64_t r = 0; r < rows; ++r) {
      const float inverse = 1.f / total[r];
      for (int64_t c = 0; c < s_.width; ++c)
        out[at + r * row_ + c] = from_float<T>(o[r * s_.width + c] * inverse);
    }
  }

  AttentionShape s_;
  int64_t row_, block_;
  std::unique_ptr<BlockGemm> scores_gemm_, out_gemm_;
  std::unique_ptr<Packer> pack_k_, pack_v_;
  Scratch packed_, scores_, weights_, sums_;
};

// Halves that cannot be multiplied as they are: widened as a whole, computed in float, narrowed.
template <typename T>
Run widened(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<Forward<float>>(i, s, EASEL_F32);
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
  auto forward = std::make_shared<Forward<T>>(i, s, i.in(0).dtype);
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
      return multiplies_bf16() ? direct<bf16>(i, s) : widened<bf16>(i, s);
    default:
      return direct<float>(i, s);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
