// adamw(param, grad, m, v, hyper, gradScale): decoupled-weight-decay Adam (arXiv 1711.05101), in place; and
// adamwOutcome, which tries the same step without writing.
// Memory-bound: four reads and three writes of float, four reads. Trainable parameters lie one behind the
// other, so one launch covers all of them; what changes from step to step is read on the device.
#include "../arrays/reduce.cuh"

namespace easel {

// One step's numbers, and what it makes of a moment or weight.
struct AdamStep {
  float beta2, eps, fresh1, fresh2, step, root, keep, scale;
  bool skipped;  // a gradient overflowed

  EASEL_DEVICE AdamStep(const float* hyper, float grad_scale) : scale(grad_scale) {
    const float lr = hyper[0], beta1 = hyper[1], decay = hyper[4];
    beta2 = hyper[2], eps = hyper[3], keep = 1.0f - lr * decay;
    fresh1 = float(1.0 - double(beta1)), fresh2 = float(1.0 - double(beta2));
    step = lr / hyper[5], root = sqrtf(hyper[6]);
    skipped = (float_bits(scale) & 0x7f800000u) == 0x7f800000u;
  }
  EASEL_DEVICE float first(float m, float g) const { return m + fresh1 * (g - m); }
  EASEL_DEVICE float second(float v, float g) const { return beta2 * v + fresh2 * g * g; }
  EASEL_DEVICE float weight(float p, float m, float v) const {
    return p * keep - step * (m / (sqrtf(v) / root + eps));
  }
};

EASEL_KERNEL(256, adamw,
             (float* __restrict__ p, const float* __restrict__ grad, float* __restrict__ m,
              float* __restrict__ v, const float* __restrict__ hyper, const float* __restrict__ grad_scale,
              int64_t n)) {
  const AdamStep s(hyper, grad_scale[0]);
  if (s.skipped) return;
  each_pack<4>(n, aligned(p, grad, m, v), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const Pack<float, N> d = load<float, N>(grad + k);
    Pack<float, N> first = load<float, N>(m + k), second = load<float, N>(v + k), w = load<float, N>(p + k);
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const float g = d.at[l] * s.scale;
      first.at[l] = s.first(first.at[l], g);
      second.at[l] = s.second(second.at[l], g);
      w.at[l] = s.weight(w.at[l], first.at[l], second.at[l]);
    }
    store(m + k, first);
    store(v + k, second);
    store(p + k, w);
  });
}

// squares (parts): each block sums what a grid-stride loop gives it.
EASEL_KERNEL(256, adamw_outcome,
             (float* __restrict__ squares, const float* __restrict__ p, const float* __restrict__ grad,
              const float* __restrict__ m, const float* __restrict__ v, const float* __restrict__ hyper,
              const float* __restrict__ grad_scale, int64_t n)) {
  EASEL_SHARED(float, room);
  const AdamStep s(hyper, grad_scale[0]);
  float sum = 0;
  each_pack<4>(n, aligned(p, grad, m, v), [&](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    Pack<float, N> w = load<float, N>(p + k);
    if (!s.skipped) {
      const Pack<float, N> d = load<float, N>(grad + k), first = load<float, N>(m + k),
                           second = load<float, N>(v + k);
#pragma unroll
      for (int l = 0; l < N; ++l) {
        const float g = d.at[l] * s.scale;
        w.at[l] = s.weight(w.at[l], s.first(first.at[l], g), s.second(second.at[l], g));
      }
    }
#pragma unroll
    for (int l = 0; l < N; ++l) sum += w.at[l] * w.at[l];
  });
  sum = block_sum(sum, room);
  if (threadIdx.x == 0) squares[blockIdx.x] = sum;
}

}  // namespace easel
