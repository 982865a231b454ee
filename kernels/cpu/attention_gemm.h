// Small strided matrix products for attention: oneDNN primitives made for one thread and run by many threads
// at once, each on its own tile, so that a head's products never wait for one another.
#pragma once
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "../executor/shapes/attention.h"
#include "kernel.h"
#include "onednn.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

inline const dnnl::engine& engine() {
  static const dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

inline dnnl::memory::data_type dnnl_type(int32_t dtype) {
  return dtype == EASEL_BF16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

// Whether oneDNN multiplies bf16 fast, or at all: below AVX-512 it does not, and operands are widened.
inline bool multiplies_bf16() {
  static const bool fast = [] {
    using dnnl::memory;
    const memory::desc operand({64, 64}, memory::data_type::bf16, memory::format_tag::ab);
    const memory::desc sums({64, 64}, memory::data_type::f32, memory::format_tag::ab);
    const dnnl::matmul::primitive_desc pd({operand, operand, sums}, dnnl::primitive_attr(), engine(), true);
    return pd && !is_slow(pd.impl_info_str());
  }();
  return fast;
}

// Half-precision operands as floats and back.
template <typename From, typename To>
void convert(const From* from, To* to, int64_t n) {
  parallel_for(n, 1 << 14, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t j = begin; j < end; ++j) to[j] = from_float<To>(to_float(from[j]));
  });
}

// Primitives keep the thread count of their creation; inside a parallel region that must be one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }

 private:
  int before_;
};

struct Strides {
  int64_t row, column;
};

// Elements from a row to the next: an odd number of cache lines, or rows of a power of two would lie in the
// same few sets of a cache and drive one another out; with AVX2 alone that took half of the speed.
template <typename T>
int64_t apart(int64_t columns) {
  constexpr int64_t kLine = 64 / sizeof(T);
  return ((columns + kLine - 1) / kLine | 1) * kLine;
}

// Copies a (rows, columns) matrix into rows that lie side by side.
class Packer {
 public:
  Packer(int32_t dtype, int64_t rows, int64_t columns, Strides from, int64_t to, int threads) {
    const OneThread one;
    const dnnl::memory::desc source({rows, columns}, dnnl_type(dtype), {from.row, from.column});
    const dnnl::memory::desc target({rows, columns}, dnnl_type(dtype), {to, 1});
    reorder_ = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), source, engine(), target));
    for (int t = 0; t < threads; ++t) {
      source_.emplace_back(source, engine(), nullptr);
      target_.emplace_back(target, engine(), nullptr);
      arguments_.push_back({{DNNL_ARG_FROM, source_[t]}, {DNNL_ARG_TO, target_[t]}});
      streams_.emplace_back(engine());
    }
  }
  void run(int thread, const void* from, void* to) {
    source_[thread].set_data_handle(const_cast<void*>(from));
    target_[thread].set_data_handle(to);
    reorder_.execute(streams_[thread], arguments_[thread]);
  }

 private:
  dnnl::reorder reorder_;
  std::vector<dnnl::memory> source_, target_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
  std::vector<dnnl::stream> streams_;
};

// C (M, N) f32, dense rows of ldc = (or +=) A (M, K) B (K, N).
class Gemm {
 public:
  Gemm(const Instruction& i, int32_t dtype, int64_t m, int64_t n, int64_t k, Strides a, Strides b,
       int64_t ldc, bool accumulate) {
    const OneThread one;
    using dnnl::memory;
    const auto type = dnnl_type(dtype);
    const memory::desc a_desc({m, k}, type, {a.row, a.column}), b_desc({k, n}, type, {b.row, b.column});
    const memory::desc c_desc({m, n}, memory::data_type::f32, {ldc, 1});
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (accumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.f);
      attr.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc pd({a_desc, b_desc, c_desc}, attr, engine());
    matmul_ = dnnl::matmul(pd);
    scratch_bytes_ = (pd.scratchpad_desc().get_size() + 63) / 64 * 64;
    scratch_ = i.scratch(scratch_bytes_ * size_t(i.threads()));
    for (int t = 0; t < i.threads(); ++t) {
      a_.emplace_back(a_desc, engine(), nullptr);
      b_.emplace_back(b_desc, engine(), nullptr);
      c_.emplace_back(c_desc, engine(), nullptr);
      work_.emplace_back(pd.scratchpad_desc(), engine(), nullptr);
      arguments_.push_back({{DNNL_ARG_SRC, a_[t]},
                            {DNNL_ARG_WEIGHTS, b_[t]},
                            {DNNL_ARG_DST, c_[t]},
                            {DNNL_ARG_SCRATCHPAD, work_[t]}});
      streams_.emplace_back(engine());
    }
  }
  void run(int thread, const void* a, const void* b, float* c) {
    a_[thread].set_data_handle(const_cast<void*>(a));
    b_[thread].set_data_handle(const_cast<void*>(b));
    c_[thread].set_data_handle(c);
    work_[thread].set_data_handle(scratch_.get() + scratch_bytes_ * size_t(thread));
    matmul_.execute(streams_[thread], arguments_[thread]);
  }

 private:
  dnnl::matmul matmul_;
  size_t scratch_bytes_;
  Scratch scratch_;
  std::vector<dnnl::memory> a_, b_, c_, work_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
  std::vector<dnnl::stream> streams_;
};

// Scores are made and used up by tiles of so many queries and keys: what a tile needs, gradients too, stays
// in the second-level cache.
struct Tiles {
  static constexpr int64_t kRows = 128, kKeys = 512;
  explicit Tiles(const AttentionShape& s)
      : all_rows(s.queries),
        all_keys(s.keys),
        rows(std::min(s.queries, kRows)),
        keys(std::min(s.keys, kKeys)) {}
  int64_t rows_at(int64_t first) const { return std::min(rows, all_rows - first); }
  int64_t keys_at(int64_t first) const { return std::min(keys, all_keys - first); }
  // Keys of a tile that a query sees.
  int64_t visible(const AttentionShape& s, int64_t query, int64_t first_key, int64_t n) const {
    return s.causal ? std::clamp<int64_t>(query + 1 - first_key, 0, n) : n;
  }
  int64_t all_rows, all_keys, rows, keys;
};

// One product of whole tiles and of what is left at the edges.
class TileGemm {
 public:
  TileGemm(const Tiles& tiles, const std::function<Gemm(int64_t m, int64_t n)>& make) : tiles_(tiles) {
    const int64_t m[2] = {tiles.rows, tiles.all_rows % tiles.rows},
                  n[2] = {tiles.keys, tiles.all_keys % tiles.keys};
    for (int a = 0; a < 2; ++a)
      for (int b = 0; b < 2; ++b)
        if (m[a] && n[b]) gemms_[a][b] = std::make_unique<Gemm>(make(m[a], n[b]));
  }
  Gemm& at(int64_t m, int64_t n) const { return *gemms_[m != tiles_.rows][n != tiles_.keys]; }

 private:
  Tiles tiles_;
  std::unique_ptr<Gemm> gemms_[2][2];
};

// e^x to about 1 ulp for x up to 88; below -87 it is 0 to within 1e-37. NaN stays NaN: whatever its scale is,
// the product is NaN. Branch-free, so it vectorises.
static inline float exp_of(float x) {
  constexpr float kRounds = 12582912.f;  // a sum's last bits are the whole number next to what was added
  x = -87.f > x ? -87.f : x;
  x = 88.f < x ? 88.f : x;
  const float sum = x * 1.44269504f + kRounds, n = sum - kRounds;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.f;
  return p * bits_float((float_bits(sum) << 23) + (uint32_t(127) << 23));
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
