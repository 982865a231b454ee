// attention: out = softmax(scale * q k^T) v for each head; lse is kept for the gradient (arXiv 2205.14135).
// Compute-bound: both products of a tile run while its scores are in cache; scores never reach memory.
#include "../executor/shapes/attention.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "attention_gemm.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

// What is known of a query after some tiles of keys.
struct Row {
  float max = -std::numeric_limits<float>::infinity(), sum = 0;
};

// Row of a tile's scores -> unnormalised weights p, which may lie where s does. Returns what the weights of
// the tiles before must be multiplied by, now that the largest score is another.
template <typename T>
float softmax_row(const float* s, T* p, int64_t n, int64_t visible, float scale, Row& row) {
  float max = row.max;
#pragma omp simd reduction(max : max)
  for (int64_t j = 0; j < visible; ++j) max = s[j] > max ? s[j] : max;
  const float shift = scale * max, before = visible ? exp_of(scale * row.max - shift) : 1.f;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < visible; ++j) {
    const float e = exp_of(scale * s[j] - shift);
    p[j] = from_float<T>(e);
    sum += e;
  }
  for (int64_t j = visible; j < n; ++j) p[j] = from_float<T>(0);
  row = {max, row.sum * before + sum};
  return before;
}

// T: float or bf16, what the products read.
template <typename T>
class Forward {
 public:
  Forward(const Instruction& i, const AttentionShape& s, int32_t dtype)
      : s_(s),
        tiles_(s),
        row_(s.row()),
        key_line_(apart<T>(s.keys)),
        score_line_(apart<float>(tiles_.keys)),
        weight_line_(apart<T>(tiles_.keys)),
        scores_gemm_(tiles_,
                     [&](int64_t m, int64_t n) {
                       return Gemm(i, dtype, m, n, s.width, {row_, 1}, {key_line_, 1}, score_line_, false);
                     }),
        out_gemm_(tiles_,
                  [&](int64_t m, int64_t n) {
                    return Gemm(i, dtype, m, s.width, n, {weight_line_, 1}, {row_, 1}, s.width, true);
                  }),
        pack_k_(dtype, s.width, s.keys, {1, row_}, key_line_, i.threads()),
        packed_(i.scratch(sizeof(T) * size_t(s.batch * s.heads * s.width * key_line_))) {
    const auto threads = size_t(i.threads());
    scores_ = i.scratch(sizeof(float) * threads * size_t(tiles_.rows * score_line_));
    if constexpr (!kInPlace) weights_ = i.scratch(sizeof(T) * threads * size_t(tiles_.rows * weight_line_));
    sums_ = i.scratch(sizeof(float) * threads * size_t(tiles_.rows * s.width));
  }

  void run(const T* q, const T* k, const T* v, T* out, float* lse) {
    const int64_t heads = s_.batch * s_.heads, blocks = (s_.queries + tiles_.rows - 1) / tiles_.rows;
#pragma omp parallel for schedule(static)
    for (int64_t h = 0; h < heads; ++h)
      pack_k_.run(omp_get_thread_num(), k + head_offset(h, s_.keys), keys_of(h));
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < heads * blocks; ++task)
      block(omp_get_thread_num(), task / blocks, task % blocks * tiles_.rows, q, v, out, lse);
  }

 private:
  static constexpr bool kInPlace = std::is_same_v<T, float>;  // weights take the place of scores

  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }
  T* keys_of(int64_t h) const { return packed_.get<T>() + h * s_.width * key_line_; }

  void block(int t, int64_t h, int64_t first, const T* q, const T* v, T* out, float* lse) const {
    const int64_t rows = tiles_.rows_at(first), at = head_offset(h, s_.queries) + first * row_;
    const T* v_head = v + head_offset(h, s_.keys);
    float* s = scores_.get<float>() + t * tiles_.rows * score_line_;
    T* p;
    if constexpr (kInPlace)
      p = s;
    else
      p = weights_.get<T>() + t * tiles_.rows * weight_line_;
    float* o = sums_.get<float>() + t * tiles_.rows * s_.width;
    Row row[Tiles::kRows];
    std::fill(o, o + rows * s_.width, 0.f);
    for (int64_t j = 0; j < s_.keys && !(s_.causal && j >= first + rows); j += tiles_.keys) {
      const int64_t n = tiles_.keys_at(j);
      scores_gemm_.at(rows, n).run(t, q + at, keys_of(h) + j, s);
      for (int64_t r = 0; r < rows; ++r) {
        const float before = softmax_row(s + r * score_line_, p + r * weight_line_, n,
                                         tiles_.visible(s_, first + r, j, n), s_.scale, row[r]);
        if (before != 1.f)
          for (int64_t c = 0; c < s_.width; ++c) o[r * s_.width + c] *= before;
      }
      out_gemm_.at(rows, n).run(t, p, v_head + j * row_, o);
    }
    for (int64_t r = 0; r < rows; ++r) {
      lse[h * s_.queries + first + r] = s_.scale * row[r].max + std::log(row[r].sum);
      const float inverse = 1.f / row[r].sum;
      for (int64_t c = 0; c < s_.width; ++c)
        out[at + r * row_ + c] = from_float<T>(o[r * s_.width + c] * inverse);
    }
  }

  AttentionShape s_;
  Tiles tiles_;
  int64_t row_, key_line_, score_line_, weight_line_;
  TileGemm scores_gemm_, out_gemm_;
  Packer pack_k_;
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
