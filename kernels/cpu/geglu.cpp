// geglu([a | b]) = a * gelu(b) over halves of the last axis, and its gradient. Memory-bound.
#include "../executor/shapes/geglu.h"

#include "kernel.h"

namespace easel {
namespace {

template <typename T>
void geglu(T* y, const T* x, int64_t M, int64_t C) {  // y: (M, C), x: (M, 2C)
  for (int64_t m = 0; m < M; ++m, y += C, x += 2 * C) {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) y[c] = from_float<T>(to_float(x[c]) * gelu(to_float(x[C + c])));
  }
}

template <typename T>
void geglu_backward(T* dx, const T* dy, const T* x, int64_t M, int64_t C) {  // dx, x: (M, 2C), dy: (M, C)
  for (int64_t m = 0; m < M; ++m, dx += 2 * C, dy += C, x += 2 * C) {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
      const float d = to_float(dy[c]), a = to_float(x[c]), b = to_float(x[C + c]);
      const float cdf = normal_cdf(b);
      dx[c] = from_float<T>(d * (b * cdf));
      dx[C + c] = from_float<T>(d * a * (cdf + b * 0.39894228040143268f * exp_of(-0.5f * b * b)));
    }
  }
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_geglu(const Instruction& i) {
  const auto [M, C] = geglu_shape(i);
  return dispatch(i, i.out(0).dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, y = i.out(0).as<T>(), x = i.in(0).as<T>()] {
      parallel_for(M, (1 << 13) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        geglu(y + begin * C, x + begin * 2 * C, end - begin, C);
      });
    };
  });
}

Run prepare_geglu_backward(const Instruction& i) {
  const auto [M, C] = geglu_backward_shape(i);
  return dispatch(i, i.out(0).dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, dx = i.out(0).as<T>(), dy = i.in(0).as<T>(), x = i.in(1).as<T>()] {
      parallel_for(M, (1 << 13) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        geglu_backward(dx + begin * 2 * C, dy + begin * C, x + begin * 2 * C, end - begin, C);
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
