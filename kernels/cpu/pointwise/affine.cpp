// affine(x; scale, shift) = scale * x + shift. Memory-bound; y may be x.
#include "../../executor/shapes/pointwise.h"
#include "../kernel.h"

namespace easel {
inline namespace EASEL_ISA {

Run prepare_affine(const Instruction& i) {
  check_affine(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t n = y.count();
  const float scale = float(i.attr(ATTR_AFFINE_SCALE)), shift = float(i.attr(ATTR_AFFINE_SHIFT));
  return dispatch(i, y.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, p = y.as<T>(), q = x.as<T>()] {
      parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
        for (int64_t k = begin; k < end; ++k) p[k] = from_float<T>(scale * to_float(q[k]) + shift);
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
