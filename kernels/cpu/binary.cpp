// binary(fn; a, b) with NumPy broadcasting. Memory-bound; the output may be an operand of its size.
// Neighbouring axes that both operands walk alike are merged, so most cases become one long run or rows
// against a vector or a scalar.
#include <utility>

#include "kernel.h"

namespace easel {
namespace {

constexpr int kFunctions = BINARY_MAXIMUM + 1;

// y's axes after merging, outermost first; strides in elements, 0 where the operand is repeated. inner is the
// last axis.
struct Walk {
  int outer = 0;
  int64_t sides[EASEL_MAX_RANK], a[EASEL_MAX_RANK], b[EASEL_MAX_RANK];
  int64_t inner = 1, inner_a = 1, inner_b = 1, count = 1;
};

template <typename T>
using Compute = std::conditional_t<std::is_same_v<T, int32_t>, int32_t, float>;
EASEL_FN int32_t load(const int32_t* p) { return *p; }
template <typename T>
EASEL_FN float load(const T* p) {
  return to_float(*p);
}
EASEL_FN void store(int32_t* p, int32_t v) { *p = v; }
template <typename T>
EASEL_FN void store(T* p, float v) {
  *p = from_float<T>(v);
}

// StepA, StepB: 1 for a vector, 0 for one value.
template <int Fn, typename T, int StepA, int StepB>
void segment(T* y, const T* a, const T* b, int64_t n) {
  if constexpr (StepA && StepB) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(load(a + k), load(b + k)));
  } else if constexpr (StepA) {
    const Compute<T> v = load(b);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(load(a + k), v));
  } else {
    const Compute<T> v = load(a);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(v, load(b + k * StepB)));
  }
}

template <int Fn, typename T>
void range(const Walk& w, T* y, const T* a, const T* b, int64_t begin, int64_t end) {
  const auto f = w.inner_a && w.inner_b ? segment<Fn, T, 1, 1>
                 : w.inner_a            ? segment<Fn, T, 1, 0>
                 : w.inner_b            ? segment<Fn, T, 0, 1>
                                        : segment<Fn, T, 0, 0>;
  while (begin < end) {
    int64_t row = begin / w.inner, column = begin % w.inner, at_a = column * w.inner_a,
            at_b = column * w.inner_b;
    for (int d = w.outer - 1; d >= 0; --d) {
      at_a += row % w.sides[d] * w.a[d];
      at_b += row % w.sides[d] * w.b[d];
      row /= w.sides[d];
    }
    const int64_t n = std::min(end - begin, w.inner - column);
    f(y + begin, a + at_a, b + at_b, n);
    begin += n;
  }
}

template <typename T>
using Range = void (*)(const Walk&, T*, const T*, const T*, int64_t, int64_t);

template <typename T, int... Fn>
Range<T> choose(int64_t fn, std::integer_sequence<int, Fn...>) {
  static const Range<T> table[] = {range<Fn, T>...};
  return table[fn];
}

Walk plan(const Instruction& i, const Tensor& y, const Tensor& a, const Tensor& b) {
  int64_t sides[EASEL_MAX_RANK], sa[EASEL_MAX_RANK], sb[EASEL_MAX_RANK];
  int axes = 0;
  int64_t step_a = 1, step_b = 1;
  i.require(a.rank <= y.rank && b.rank <= y.rank, "an operand has more axes than the output");
  for (int d = y.rank - 1; d >= 0; --d) {  // from the innermost; merged axes are kept innermost first
    const int64_t n = y.dims[d];
    const int da = d - y.rank + a.rank, db = d - y.rank + b.rank;
    const int64_t na = da >= 0 ? a.dims[da] : 1, nb = db >= 0 ? b.dims[db] : 1;
    i.require((na == n || na == 1) && (nb == n || nb == 1) && (na == n || nb == n), "cannot be broadcast");
    if (n == 1) continue;
    const int64_t ta = na == n ? step_a : 0, tb = nb == n ? step_b : 0;
    step_a *= na;
    step_b *= nb;
    if (axes && ta == (sa[axes - 1] ? sides[axes - 1] * sa[axes - 1] : 0) &&
        tb == (sb[axes - 1] ? sides[axes - 1] * sb[axes - 1] : 0)) {
      sides[axes - 1] *= n;
      continue;
    }
    sides[axes] = n;
    sa[axes] = ta;
    sb[axes++] = tb;
  }
  Walk w;
  w.count = y.count();
  if (axes) {
    w.inner = sides[0];
    w.inner_a = sa[0];
    w.inner_b = sb[0];
  }
  for (int d = axes - 1; d >= 1; --d) {
    w.sides[w.outer] = sides[d];
    w.a[w.outer] = sa[d];
    w.b[w.outer++] = sb[d];
  }
  return w;
}

template <typename T>
Run prepared(const Instruction& i, int64_t fn) {
  const Walk w = plan(i, i.out(0), i.in(0), i.in(1));
  return [=, f = choose<T>(fn, std::make_integer_sequence<int, kFunctions>()), y = i.out(0).as<T>(),
          a = i.in(0).as<T>(), b = i.in(1).as<T>()] {
    parallel_for(w.count, 1 << 15, [&](int64_t begin, int64_t end) { f(w, y, a, b, begin, end); });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_binary(const Instruction& i) {
  i.require_counts(1, 2);
  const int64_t fn = i.integer(ATTR_BINARY_FN);
  i.require(fn >= 0 && fn < kFunctions, "there is no such function");
  const int32_t dtype = i.out(0).dtype;
  i.require(i.in(0).dtype == dtype && i.in(1).dtype == dtype, "operands need one dtype");
  if (dtype == EASEL_I32) {
    i.require(fn != BINARY_DIV, "i32 has no division");
    return prepared<int32_t>(i, fn);
  }
  return dispatch(i, dtype, [&](auto type) { return prepared<typename decltype(type)::type>(i, fn); });
}

}  // namespace EASEL_ISA
}  // namespace easel
