// adamw(param, grad, m, v, hyper, gradScale): decoupled-weight-decay Adam (arXiv 1711.05101), in place; and
// adamwOutcome, which tries the same step without writing. Memory-bound.
#include <cmath>

#include "../../executor/shapes/pointwise.h"
#include "../kernel.h"

namespace easel {
inline namespace EASEL_ISA {

namespace {

// One step's numbers, and what it makes of a moment or weight.
struct Step {
  float beta2, eps, fresh1, fresh2, step, root, keep, scale;

  Step(const float* hyper, float scale) : scale(scale) {
    const float lr = hyper[0], beta1 = hyper[1], decay = hyper[4];
    beta2 = hyper[2], eps = hyper[3], keep = 1.0f - lr * decay;
    fresh1 = float(1.0 - double(beta1)), fresh2 = float(1.0 - double(beta2));
    step = lr / hyper[5], root = std::sqrt(hyper[6]);
  }
  float first(float m, float g) const { return m + fresh1 * (g - m); }
  float second(float v, float g) const { return beta2 * v + fresh2 * g * g; }
  float weight(float p, float m, float v) const {
    return p * keep - step * (m / (std::sqrt(v) / root + eps));
  }
};

// Sums of squares of n weights as they are, and as a step would leave them. Functions of their own, because
// compilers leave the loop within the closures below scalar, which took five times as long.
float square_of(const float* p, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < n; ++k) sum += p[k] * p[k];
  return sum;
}
float square_after(const float* p, const float* grad, const float* m, const float* v, int64_t n, Step s) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t k = 0; k < n; ++k) {
    const float g = grad[k] * s.scale, w = s.weight(p[k], s.first(m[k], g), s.second(v[k], g));
    sum += w * w;
  }
  return sum;
}

}  // namespace

Run prepare_adamw(const Instruction& i) {
  check_adamw(i);
  const int64_t n = i.in(0).count();
  return [=, p = i.in(0).as<float>(), grad = i.in(1).as<float>(), m = i.in(2).as<float>(),
          v = i.in(3).as<float>(), hyper = i.in(4).as<float>(), grad_scale = i.in(5).as<float>()] {
    if (!std::isfinite(grad_scale[0])) return;  // a gradient overflowed: the step is skipped
    parallel_for(n, 1 << 13, [=, s = Step(hyper, grad_scale[0])](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) {
        const float g = grad[k] * s.scale;
        m[k] = s.first(m[k], g);
        v[k] = s.second(v[k], g);
        p[k] = s.weight(p[k], m[k], v[k]);
      }
    });
  };
}

// squares (parts): part `part` of the weights begins at part * n / parts.
Run prepare_adamw_outcome(const Instruction& i) {
  check_adamw_outcome(i);
  const int64_t n = i.in(0).count(), parts = i.out(0).count();
  return [=, squares = i.out(0).as<float>(), p = i.in(0).as<float>(), grad = i.in(1).as<float>(),
          m = i.in(2).as<float>(), v = i.in(3).as<float>(), hyper = i.in(4).as<float>(),
          grad_scale = i.in(5).as<float>()] {
    const bool skipped = !std::isfinite(grad_scale[0]);
    parallel_for(parts, 1, [=, s = Step(hyper, grad_scale[0])](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) {
        const int64_t begin = n * part / parts, end = n * (part + 1) / parts;
        squares[part] = skipped ? square_of(p + begin, end - begin)
                                : square_after(p + begin, grad + begin, m + begin, v + begin, end - begin, s);
      }
    });
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
