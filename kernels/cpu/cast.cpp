// cast(x; dtype): rounds to nearest even. Memory-bound.
#include "../executor/shapes/pointwise.h"
#include "kernel.h"

namespace easel {
namespace {

template <typename D, typename S>
Run cast_run(D* y, const S* x, int64_t n) {
  return [=] {
    parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) y[k] = from_float<D>(to_float(x[k]));
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_cast(const Instruction& i) {
  check_cast(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t n = y.count();
  const auto from = [&](auto target) -> Run {
    if (x.dtype == EASEL_F8) return cast_run(target, x.as<f8>(), n);
    if (x.dtype == EASEL_I32) return cast_run(target, x.as<int32_t>(), n);
    return dispatch(i, x.dtype,
                    [&](auto type) { return cast_run(target, x.as<typename decltype(type)::type>(), n); });
  };
  if (y.dtype == EASEL_I32) return from(y.as<int32_t>());
  return dispatch(i, y.dtype, [&](auto type) { return from(y.as<typename decltype(type)::type>()); });
}

}  // namespace EASEL_ISA
}  // namespace easel
