// fill, copy, accumulate: the effects on a parameter. Memory-bound.
#include <cstring>

#include "../../executor/shapes/pointwise.h"
#include "../kernel.h"

namespace easel {
namespace {

template <typename D, typename S>
void copy_run(D* y, const S* x, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = from_float<D>(to_float(x[k]));
}

}  // namespace

inline namespace EASEL_ISA {

// fill(target; value)
Run prepare_fill(const Instruction& i) {
  i.require_counts(0, 1);
  const Tensor& y = i.in(0);
  const double value = i.attr(ATTR_FILL_VALUE);
  const int64_t n = y.count();
  if (y.dtype == EASEL_I32) {
    const int32_t whole = int32_t(i.integer(ATTR_FILL_VALUE));
    return [=, p = y.as<int32_t>()] { std::fill_n(p, n, whole); };
  }
  return dispatch(i, y.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    // gradients are cleared so: memset does not read what it overwrites
    const bool zero = float_bits(float(value)) == 0;
    return [=, p = y.as<T>(), v = from_float<T>(float(value))] {
      parallel_for(n, 1 << 16, [=](int64_t begin, int64_t end) {
        if (zero)
          std::memset(static_cast<void*>(p + begin), 0, size_t(end - begin) * sizeof(T));
        else
          std::fill(p + begin, p + end, v);
      });
    };
  });
}

// copy(target, value): target = value cast to its dtype.
Run prepare_copy(const Instruction& i) {
  check_copy(i);
  const Tensor &y = i.in(0), &x = i.in(1);
  const int64_t n = y.count();
  if (x.dtype == y.dtype) {
    const int64_t size = dtype_bytes(x.dtype);
    return [=, p = y.data, q = x.data] {
      parallel_for(n * size, 1 << 18,
                   [=](int64_t begin, int64_t end) { std::copy(q + begin, q + end, p + begin); });
    };
  }
  return dispatch(i, y.dtype, [&](auto to) -> Run {
    using D = typename decltype(to)::type;
    return dispatch(i, x.dtype, [&](auto from) -> Run {
      using S = typename decltype(from)::type;
      return [=, p = y.as<D>(), q = x.as<S>()] {
        parallel_for(n, 1 << 15,
                     [=](int64_t begin, int64_t end) { copy_run(p + begin, q + begin, end - begin); });
      };
    });
  });
}

// accumulate(target f32, value; fresh): target += value, or 0 + value.
Run prepare_accumulate(const Instruction& i) {
  check_accumulate(i);
  const Tensor &y = i.in(0), &x = i.in(1);
  const int64_t n = y.count();
  const bool fresh = i.attr(ATTR_ACCUMULATE_FRESH) != 0;
  return dispatch(i, x.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, p = y.as<float>(), q = x.as<T>()] {
      parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t k = begin; k < end; ++k) p[k] = (fresh ? 0 : p[k]) + to_float(q[k]);
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
