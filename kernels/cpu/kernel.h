// What an op file sees of the executor. Each opcode has one function
//   Run prepare_<op>(const Instruction& i);
// that checks shapes, dtypes and attributes, does everything slow (primitives, repacking), asks for scratch,
// and returns the closure that a step calls. The closure allocates nothing.
//
// The files of kernels/cpu that hold ops are compiled once per instruction-set level (EASEL_ISA = v2, v3, v4
// for x86-64-v2/3/4) and the device picks one table when it opens. Code of theirs that is not in an unnamed
// namespace or static lies in the inline namespace EASEL_ISA.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "../easel.h"
#include "../pointwise.h"

#ifndef EASEL_ISA
#define EASEL_ISA base
#endif

namespace easel {

// An operand with its memory resolved. data stays the same as long as the program lives.
struct Tensor {
  int32_t dtype;
  int rank;
  int64_t dims[EASEL_MAX_RANK];  // unused ones are 1
  char* data;
  bool frozen;         // the bytes do not change while the program lives
  uint64_t buffer_id;  // unique on the device; with offset it names the bytes
  int64_t offset;

  int64_t count() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= dims[d];
    return n;
  }
  int64_t last() const { return rank ? dims[rank - 1] : 1; }
  int64_t rows() const { return last() ? count() / last() : 0; }  // product of all axes but the last
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  bool same_shape(const Tensor& o) const { return rank == o.rank && std::equal(dims, dims + rank, o.dims); }
  std::string text() const;  // "f32[1, 64, 64, 320]"
};

int64_t dtype_bytes(int32_t dtype);  // 0 for an unknown dtype
const char* dtype_name(int32_t dtype);

// Memory that lives only while its instruction runs; every instruction of the program uses the same block.
// The address is known when the program runs, not in prepare.
class Scratch {
 public:
  Scratch() = default;
  Scratch(char* const* base, size_t offset) : base_(base), offset_(offset) {}
  template <typename T = char>
  T* get() const {
    return reinterpret_cast<T*>(*base_ + offset_);
  }

 private:
  char* const* base_ = nullptr;
  size_t offset_ = 0;
};

struct Device;
struct Program;

class Instruction {
 public:
  Instruction(Device& device, Program& program, const easel_instruction& code, int index);
  const Tensor& out(int i) const { return operands_[i]; }
  const Tensor& in(int i) const { return operands_[outputs_ + i]; }
  int outputs() const { return outputs_; }
  int inputs() const { return inputs_; }
  double attr(int k) const { return attrs_[k]; }
  int64_t integer(int k) const;  // fails unless it is a whole number
  int opcode() const { return opcode_; }
  Device& device() const { return device_; }
  Program& program() const { return program_; }
  // Worker threads; a parallel region never has more.
  int threads() const;
  // 64-byte aligned; several requests of one instruction do not overlap.
  Scratch scratch(size_t bytes) const;
  // Throws what becomes "instruction 12 conv2d f32[..] <- f32[..] ..: reason".
  [[noreturn]] void fail(const std::string& reason) const;
  void require(bool condition, const char* reason) const {
    if (!condition) fail(reason);
  }
  void require_counts(int outputs, int inputs) const;
  void require_same(const Tensor& a, const Tensor& b) const;  // shape and dtype
  void require_float(const Tensor& a) const;                  // f32, f16 or bf16
  std::string text() const;                                   // "conv2d f32[..] <- f32[..] ..."

 private:
  Device& device_;
  Program& program_;
  int index_, opcode_, outputs_, inputs_;
  Tensor operands_[EASEL_MAX_OPERANDS];
  double attrs_[EASEL_MAX_ATTRS];
  mutable size_t scratch_ = 0;
};

// One step's work of an instruction. May throw std::exception outside of parallel regions.
using Run = std::function<void()>;
using Prepare = Run (*)(const Instruction&);

inline namespace EASEL_ISA {

template <typename T>
struct Type {
  using type = T;
};

// Calls f(Type<T>()) with T = float, f16 or bf16.
template <typename F>
inline auto dispatch(const Instruction& i, int32_t dtype, F f) {
  switch (dtype) {
    case EASEL_F32:
      return f(Type<float>());
    case EASEL_F16:
      return f(Type<f16>());
    case EASEL_BF16:
      return f(Type<bf16>());
    default:
      i.fail(std::string(dtype_name(dtype)) + " is not supported here");
  }
}

// f(begin, end) over [0, n) on all threads; runs on the caller alone when there are fewer than `grain`
// elements a thread. Which thread gets which range must not change the result.
template <typename F>
inline void parallel_for(int64_t n, int64_t grain, const F& f) {
  const int64_t wanted = std::min<int64_t>(omp_get_max_threads(), n / std::max<int64_t>(grain, 1));
  if (wanted <= 1) {
    if (n > 0) f(int64_t(0), n);
    return;
  }
#pragma omp parallel num_threads(int(wanted))
  {
    const int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
    const int64_t begin = n * t / threads, end = n * (t + 1) / threads;
    if (begin < end) f(begin, end);
  }
}

#define EASEL_OPS(X)                                                                                        \
  X(FILL, fill)                                                                                             \
  X(COPY, copy)                                                                                             \
  X(ACCUMULATE, accumulate) X(CAST, cast) X(AFFINE, affine) X(UNARY, unary)                                 \
      X(UNARY_BACKWARD, unary_backward) X(BINARY, binary) X(SUM, sum) X(BROADCAST, broadcast)               \
          X(PERMUTE, permute) X(SLICE, slice) X(SLICE_BACKWARD, slice_backward) X(CONCAT, concat) X(        \
              EMBEDDING, embedding) X(EMBEDDING_BACKWARD, embedding_backward)                               \
              X(UPSAMPLE_NEAREST, upsample_nearest) X(UPSAMPLE_NEAREST_BACKWARD, upsample_nearest_backward) \
                  X(MATMUL, matmul) X(CONV2D, conv2d) X(CONV2D_BACKWARD_INPUT, conv2d_backward_input)       \
                      X(CONV2D_BACKWARD_WEIGHT, conv2d_backward_weight) X(GROUP_NORM, group_norm)           \
                          X(GROUP_NORM_BACKWARD, group_norm_backward)                                       \
                              X(GROUP_NORM_BACKWARD_PARAMS, group_norm_backward_params)                     \
                                  X(LAYER_NORM, layer_norm) X(LAYER_NORM_BACKWARD, layer_norm_backward)     \
                                      X(LAYER_NORM_BACKWARD_PARAMS, layer_norm_backward_params)             \
                                          X(ATTENTION, attention) X(ATTENTION_BACKWARD, attention_backward) \
                                              X(GEGLU, geglu) X(GEGLU_BACKWARD, geglu_backward)             \
                                                  X(ADAMW, adamw)

#define EASEL_DECLARE(OP, op) Run prepare_##op(const Instruction&);
EASEL_OPS(EASEL_DECLARE)
#undef EASEL_DECLARE

// The table by opcode (registry.cpp).
const Prepare* kernel_table();

}  // namespace EASEL_ISA
}  // namespace easel
