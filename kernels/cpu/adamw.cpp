// adamw(param, grad, m, v, hyper, gradScale): decoupled-weight-decay Adam (arXiv 1711.05101), in place.
// Memory-bound.
#include <cmath>

#include "../executor/shapes/pointwise.h"
#include "kernel.h"

namespace easel {
inline namespace EASEL_ISA {

Run prepare_adamw(const Instruction& i) {
  check_adamw(i);
  const int64_t n = i.in(0).count();
  return [=, p = i.in(0).as<float>(), grad = i.in(1).as<float>(), m = i.in(2).as<float>(),
          v = i.in(3).as<float>(), hyper = i.in(4).as<float>(), grad_scale = i.in(5).as<float>()] {
    const float lr = hyper[0], beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], decay = hyper[4];
    const float bias1 = hyper[5], bias2 = hyper[6], scale = grad_scale[0];
    if (!std::isfinite(scale)) return;  // a gradient overflowed: the step is skipped
    const float step = lr / bias1, root = std::sqrt(bias2), keep = 1.0f - lr * decay;
    const float fresh1 = float(1.0 - double(beta1)), fresh2 = float(1.0 - double(beta2));
    parallel_for(n, 1 << 13, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) {
        const float g = grad[k] * scale;
        m[k] += fresh1 * (g - m[k]);
        v[k] = beta2 * v[k] + fresh2 * g * g;
        p[k] = p[k] * keep - step * (m[k] / (std::sqrt(v[k]) / root + eps));
      }
    });
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
