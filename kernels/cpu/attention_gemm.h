// Small strided matrix products for attention: oneDNN primitives made for one thread and run by many threads
// at once, each on its own block of rows, so that a head's products never wait for one another.
#pragma once
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

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

// A (rows, columns) matrix copied once into the layout that the product reading it as B likes best.
class Packer {
 public:
  Packer(int32_t dtype, int64_t rows, int64_t columns, Strides from, const dnnl::memory::desc& to,
         int threads)
      : to_(to) {
    const OneThread one;
    const dnnl::memory::desc source({rows, columns}, dnnl_type(dtype), {from.row, from.column});
    const dnnl::reorder::primitive_desc pd(engine(), source, engine(), to_);
    reorder_ = dnnl::reorder(pd);
    for (int t = 0; t < threads; ++t) {
      source_.emplace_back(source, engine(), nullptr);
      target_.emplace_back(to_, engine(), nullptr);
      arguments_.push_back({{DNNL_ARG_FROM, source_[t]}, {DNNL_ARG_TO, target_[t]}});
      streams_.emplace_back(engine());
    }
  }
  size_t bytes() const { return (to_.get_size() + 63) / 64 * 64; }
  void run(int thread, const void* from, void* to) {
    source_[thread].set_data_handle(const_cast<void*>(from));
    target_[thread].set_data_handle(to);
    reorder_.execute(streams_[thread], arguments_[thread]);
  }

 private:
  dnnl::memory::desc to_;
  dnnl::reorder reorder_;
  std::vector<dnnl::memory> source_, target_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
  std::vector<dnnl::stream> streams_;
};

// C (M, N) f32, dense rows of ldc = (or +=) A (M, K) B (K, N). B is strided, or packed when `b` is null.
class Gemm {
 public:
  Gemm(const Instruction& i, int32_t dtype, int64_t m, int64_t n, int64_t k, Strides a, const Strides* b,
       int64_t ldc, bool accumulate) {
    const OneThread one;
    using dnnl::memory;
    const auto type = dnnl_type(dtype);
    const memory::desc a_desc({m, k}, type, {a.row, a.column});
    const memory::desc b_desc = b ? memory::desc({k, n}, type, {b->row, b->column})
                                  : memory::desc({k, n}, type, memory::format_tag::any);
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
    packed_ = pd.weights_desc();
    scratch_bytes_ = (pd.scratchpad_desc().get_size() + 63) / 64 * 64;
    scratch_ = i.scratch(scratch_bytes_ * size_t(i.threads()));
    for (int t = 0; t < i.threads(); ++t) {
      a_.emplace_back(a_desc, engine(), nullptr);
      b_.emplace_back(packed_, engine(), nullptr);
      c_.emplace_back(c_desc, engine(), nullptr);
      work_.emplace_back(pd.scratchpad_desc(), engine(), nullptr);
      arguments_.push_back({{DNNL_ARG_SRC, a_[t]},
                            {DNNL_ARG_WEIGHTS, b_[t]},
                            {DNNL_ARG_DST, c_[t]},
                            {DNNL_ARG_SCRATCHPAD, work_[t]}});
      streams_.emplace_back(engine());
    }
  }
  const dnnl::memory::desc& packed() const { return packed_; }
  void run(int thread, const void* a, const void* b, float* c) {
    a_[thread].set_data_handle(const_cast<void*>(a));
    b_[thread].set_data_handle(const_cast<void*>(b));
    c_[thread].set_data_handle(c);
    work_[thread].set_data_handle(scratch_.get() + scratch_bytes_ * size_t(thread));
    matmul_.execute(streams_[thread], arguments_[thread]);
  }

 private:
  dnnl::matmul matmul_;
  dnnl::memory::desc packed_;
  size_t scratch_bytes_;
  Scratch scratch_;
  std::vector<dnnl::memory> a_, b_, c_, work_;
  std::vector<std::unordered_map<int, dnnl::memory>> arguments_;
  std::vector<dnnl::stream> streams_;
};

// The same product for a full block of query rows and for the shorter last one.
class BlockGemm {
 public:
  BlockGemm(const Instruction& i, int32_t dtype, int64_t block, int64_t tail,
            const std::function<Gemm(int64_t)>& make)
      : block_(block) {
    (void)i, (void)dtype;
    full_ = std::make_unique<Gemm>(make(block));
    if (tail) tail_ = std::make_unique<Gemm>(make(tail));
  }
  Gemm& at(int64_t rows) const { return rows == block_ ? *full_ : *tail_; }

 private:
  int64_t block_;
  std::unique_ptr<Gemm> full_, tail_;
};

// e^x to about 1 ulp for finite x; below -87 it is 0 to within 1e-38. NaN stays NaN. Branch-free, so it
// vectorises.
static inline float exp_of(float x) {
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.7f ? 88.7f : x;
  const float n = (x * 1.44269504f + 12582912.f) - 12582912.f;  // round to nearest
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  // NaN has no integer: its scale is any finite number, and NaN times that is NaN.
  const float whole = n == n ? n : 0.f;
  return p * bits_float(uint32_t(int32_t(whole) + 127) << 23);
}

// Query rows a block: the scores of one block and of its 16-bit copy stay in the second-level cache.
inline int64_t block_rows(int64_t queries, int64_t keys) {
  const int64_t fit = (int64_t(1) << 18) / std::max<int64_t>(keys, 1);
  const int64_t rows = std::min<int64_t>(256, std::max<int64_t>(32, fit / 32 * 32));
  return std::min(queries, rows);
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
