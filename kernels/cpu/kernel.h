// What an op file of the CPU backend sees: executor/instruction.h, and the threads.
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
#include <string>

#include "../executor/instruction.h"
#include "../executor/ops.h"
#include "../pointwise.h"

#ifndef EASEL_ISA
#define EASEL_ISA base
#endif

namespace easel {

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

#define EASEL_DECLARE(OP, op) Run prepare_##op(const Instruction&);
EASEL_OPS(EASEL_DECLARE)
#undef EASEL_DECLARE

// The table by opcode (registry.cpp).
const Prepare* kernel_table();

}  // namespace EASEL_ISA
}  // namespace easel
