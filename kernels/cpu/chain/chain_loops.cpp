#include "chain_loops.h"

#include <algorithm>
#include <utility>

#include "../kernel.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

constexpr int kUnaries = int(CHAIN_BINARY) - int(CHAIN_UNARY), kBinaries = CHAIN_END - CHAIN_BINARY;

template <typename F>
EASEL_FN void each(float* y, const Source& a, int64_t n, F f) {
  const float* x = a.lanes;
  if (x) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(x[k]);
  } else {
    std::fill_n(y, n, f(a.one));
  }
}

template <typename F>
EASEL_FN void each(float* y, const Source& a, const Source& b, int64_t n, F f) {
  const float *p = a.lanes, *q = b.lanes, u = a.one, v = b.one;
  if (p && q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k]);
  } else if (p) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v);
  } else if (q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(u, q[k]);
  } else {
    std::fill_n(y, n, f(u, v));
  }
}

template <int Fn>
void unary_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return unary<Fn>(x); });
}
template <int Fn>
void binary_loop(float* y, const Source& a, const Source& b, const Source&, int64_t n) {
  each(y, a, b, n, [](float x, float z) { return binary<Fn>(x, z); });
}
template <bool Minus>
void fma_loop(float* y, const Source& a, const Source& b, const Source& c, int64_t n) {
  const auto f = [](float x, float z, float w) { return Minus ? w - x * z : x * z + w; };
  const float *p = a.lanes, *q = b.lanes, *r = c.lanes, v = b.one, w = c.one;
  if (p && q && r) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k], r[k]);
  } else if (p && !q && r) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v, r[k]);
  } else if (p && !q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v, w);
  } else if (p) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k], w);
  } else if (q) {
    fma_loop<Minus>(y, b, a, c, n);
  } else {
    each(y, c, n, [=, x = a.one](float z) { return f(x, v, z); });
  }
}
void sign_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return sign_of(x); });
}
void finite_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return finite_of(x); });
}
void select_loop(float* y, const Source& a, const Source& b, const Source& c, int64_t n) {
  if (!c.lanes) return each(y, c.one != 0.0f ? a : b, n, [](float x) { return x; });
  const float *p = a.lanes, *q = b.lanes, *r = c.lanes, u = a.one, v = b.one;
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    const float x = p ? p[k] : u, z = q ? q[k] : v;
    y[k] = r[k] != 0.0f ? x : z;
  }
}

template <int... U, int... B>
Loop choose(int op, std::integer_sequence<int, U...>, std::integer_sequence<int, B...>) {
  static const Loop unaries[] = {unary_loop<U>...}, binaries[] = {binary_loop<B>...};
  if (op >= CHAIN_BINARY) return binaries[op - CHAIN_BINARY];
  if (op >= CHAIN_UNARY) return unaries[op - CHAIN_UNARY];
  switch (op) {
    case CHAIN_SELECT:
      return select_loop;
    case CHAIN_FMA:
      return fma_loop<false>;
    case CHAIN_FNMA:
      return fma_loop<true>;
    default:
      return op == CHAIN_SIGN ? sign_loop : finite_loop;
  }
}

}  // namespace

Loop loop_of(int op) {
  return choose(op, std::make_integer_sequence<int, kUnaries>(),
                std::make_integer_sequence<int, kBinaries>());
}

}  // namespace EASEL_ISA
}  // namespace easel
