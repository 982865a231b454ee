// unary(fn; x) and its gradient. Memory-bound where the function vectorises; the output may be an input.
#include <utility>

#include "../../executor/shapes/pointwise.h"
#include "../kernel.h"

namespace easel {
namespace {

constexpr int kFunctions = UNARY_RECIPROCAL + 1;

template <int Fn, typename T>
void forward(T* y, const T*, const T* x, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = from_float<T>(unary<Fn>(to_float(x[k])));
}

template <int Fn, typename T>
void backward(T* dx, const T* dy, const T* x, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) dx[k] = from_float<T>(to_float(dy[k]) * unary_slope<Fn>(to_float(x[k])));
}

template <typename T>
using Loop = void (*)(T*, const T*, const T*, int64_t);

template <typename T, int... Fn>
Loop<T> loop(bool slope, int32_t fn, std::integer_sequence<int, Fn...>) {
  static const Loop<T> forwards[] = {forward<Fn, T>...}, backwards[] = {backward<Fn, T>...};
  return (slope ? backwards : forwards)[fn];
}

template <typename T>
Run pointwise(bool slope, const Tensor& y, const Tensor& dy, const Tensor& x, int32_t fn) {
  return [=, f = loop<T>(slope, fn, std::make_integer_sequence<int, kFunctions>()), n = y.count(),
          p = y.as<T>(), d = dy.as<T>(), q = x.as<T>()] {
    parallel_for(n, 1 << 14,
                 [=](int64_t begin, int64_t end) { f(p + begin, d + begin, q + begin, end - begin); });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_unary(const Instruction& i) {
  const int32_t fn = unary_function(i);
  return dispatch(i, i.in(0).dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return pointwise<T>(false, i.out(0), i.in(0), i.in(0), fn);
  });
}

// unaryBackward(fn; dy, x) = dy * fn'(x)
Run prepare_unary_backward(const Instruction& i) {
  const int32_t fn = unary_backward_function(i);
  return dispatch(i, i.in(0).dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return pointwise<T>(true, i.out(0), i.in(0), i.in(1), fn);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
