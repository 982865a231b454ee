// Matrices as float_blocks.h multiplies them.
#include "float_product.h"

#include "../vectors/attention_tiles.h"
#include "float_blocks.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace float_blocks;

// One of the products that are added up: op(a) (M, K) op(b) (K, N).
template <typename T>
struct Factors {
  const T *a, *b;
  int64_t K;
};

template <typename T>
class Matrices {
 public:
  explicit Matrices(const Product& p)
      : one_{p.a.as<T>(), p.b.as<T>(), p.K},
        two_{},
        out_(p.out),
        bias_(p.bias ? p.bias->as<T>() : nullptr),
        residual_(p.residual ? p.residual->as<T>() : nullptr),
        trans_a_(p.trans_a),
        trans_b_(p.trans_b),
        accumulate_(p.accumulate),
        in_place_(std::is_same_v<T, float> && !p.trans_a && !p.second_K && p.N <= kPanel &&
                  p.K % kAliased != 0),
        M_(p.M),
        N_(p.N) {
    if (p.second_K) two_ = {p.second_a->as<T>(), p.second_b->as<T>(), p.second_K};
  }

  Group rows(float* room, Rows rows, Range depth) const {
    if (in_place_) {
      const T* a = one_.a + (rows.stack * M_ + rows.from) * one_.K + depth.from;
      return {reinterpret_cast<const float*>(a), one_.K, false};
    }
    const int64_t line = trans_a_ ? rows.many : copied_line(depth.many);
    each_product(depth, [&](const Factors<T>& f, int64_t k, int64_t many, int64_t at) {
      const T* a = f.a + rows.stack * M_ * f.K;
      if (trans_a_)
        pack_places(room + at * line, line, a + k * M_ + rows.from, M_, rows.many, M_ - rows.from, many);
      else
        for (int64_t r = 0; r < rows.many; ++r)
          copy_line(room + r * line + at, a + (rows.from + r) * f.K + k, many);
    });
    return {room, line, trans_a_};
  }

  int64_t width(int64_t panel) const { return std::min<int64_t>(kPanel, N_ - panel * kPanel); }

  void columns(float* to, int64_t stack, int64_t panel, Range depth) const {
    const int64_t step = width(panel) > kLanes ? kPanel : kLanes;
    each_product(depth, [&](const Factors<T>& f, int64_t k, int64_t many, int64_t at) {
      const T* b = f.b + stack * f.K * N_;
      for (int64_t c = 0; c < width(panel); c += kLanes) {
        const int64_t column = panel * kPanel + c, lines = std::min<int64_t>(kLanes, N_ - column);
        float* lane = to + at * step + c;
        if (trans_b_)
          pack_lines(lane, step, b + column * f.K + k, f.K, lines, many);
        else
          pack_places(lane, step, b + k * N_ + column, N_, lines, N_ - column, many);
      }
    });
  }

  void finish(const float* sums, Rows rows, int64_t panel) const {
    const int64_t column = panel * kPanel, n = width(panel);
    const T* bias = bias_ ? bias_ + column : nullptr;
    int64_t at = (rows.stack * M_ + rows.from) * N_ + column;
    for (int64_t r = 0; r < rows.many; ++r, sums += kPanel, at += N_) {
      if (out_.dtype == EASEL_F32 && !std::is_same_v<T, float>)
        finish_row<float>(out_.as<float>() + at, sums, n, nullptr, nullptr, accumulate_);
      else
        finish_row<T>(out_.as<T>() + at, sums, n, bias, residual_ ? residual_ + at : nullptr, accumulate_);
    }
  }

  Ahead columns_ahead(const Columns& columns, int64_t calls) const {
    const auto [from, many] = columns.depth;
    if (from >= one_.K) return {};
    const int64_t column = columns.panels.from * kPanel, places = std::min(many, one_.K - from),
                  lines = std::min(N_, column + columns.panels.many * kPanel) - column;
    const T* b = one_.b + columns.stack * one_.K * N_;
    if (trans_b_) return Ahead::of(b + column * one_.K + from, one_.K, lines, places, calls);
    return Ahead::of(b + from * N_ + column, N_, places, lines, calls);
  }

  Ahead rows_ahead(Rows rows, Range depth, int64_t calls) const {
    if (depth.from >= one_.K) return {};
    const int64_t places = std::min(depth.many, one_.K - depth.from);
    const T* a = one_.a + rows.stack * M_ * one_.K;
    if (trans_a_) return Ahead::of(a + depth.from * M_ + rows.from, M_, places, rows.many, calls);
    return Ahead::of(a + rows.from * one_.K + depth.from, one_.K, rows.many, places, calls);
  }

 private:
  // Rows so many numbers apart, or a multiple, lie in few places of a first-level cache.
  static constexpr int64_t kAliased = 256;

  // f(product, its first place, how many, where they lie in a packed depth) for each product's part of it.
  template <typename F>
  void each_product(Range depth, F f) const {
    int64_t begin = 0;
    for (const Factors<T>& each : {one_, two_}) {
      const int64_t from = std::max(depth.from, begin),
                    to = std::min(depth.from + depth.many, begin + each.K);
      if (from < to) f(each, from - begin, to - from, from - depth.from);
      begin += each.K;
    }
  }

  Factors<T> one_, two_;  // two_.K is 0 where there is no second product
  const Tensor out_;
  const T *bias_, *residual_;
  bool trans_a_, trans_b_, accumulate_, in_place_;
  int64_t M_, N_;
};

}  // namespace

bool float_product_pays(const Product& p) {
  return p.a.dtype != EASEL_BF16 || !attention_detail::multiplies_bf16();
}

Run float_product(const Instruction& i, const Product& p) {
  constexpr int64_t kUnit = 16;  // places that are not parted: whole vectors
  return dispatch(i, p.a.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const Size size{p.B, p.M, ratio_up(p.N, kPanel), p.K + p.second_K, kUnit};
    return Blocks<Matrices<T>>(i, Matrices<T>(p), size);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
