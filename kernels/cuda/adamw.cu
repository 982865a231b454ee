// adamw(param, grad, m, v, hyper, gradScale): decoupled-weight-decay Adam (arXiv 1711.05101), in place.
// Memory-bound: four reads and three writes of float. Trainable parameters lie one behind the other, so one
// launch covers all of them; what changes from step to step is read on the device.
#include "packs.cuh"

namespace easel {

EASEL_KERNEL(256, adamw,
             (float* __restrict__ p, const float* __restrict__ grad, float* __restrict__ m,
              float* __restrict__ v, const float* __restrict__ hyper, const float* __restrict__ grad_scale,
              int64_t n)) {
  const float lr = hyper[0], beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], decay = hyper[4];
  const float bias1 = hyper[5], bias2 = hyper[6], scale = grad_scale[0];
  if ((float_bits(scale) & 0x7f800000u) == 0x7f800000u) return;  // a gradient overflowed: the step is skipped
  const float step = lr / bias1, root = sqrtf(bias2), keep = 1.0f - lr * decay;
  const float fresh1 = float(1.0 - double(beta1)), fresh2 = float(1.0 - double(beta2));
  each_pack<4>(n, aligned(p, grad, m, v), [=](auto lanes, int64_t k) {
    constexpr int N = decltype(lanes)::value;
    const Pack<float, N> d = load<float, N>(grad + k);
    Pack<float, N> first = load<float, N>(m + k), second = load<float, N>(v + k), w = load<float, N>(p + k);
#pragma unroll
    for (int l = 0; l < N; ++l) {
      const float g = d.at[l] * scale;
      first.at[l] += fresh1 * (g - first.at[l]);
      second.at[l] = beta2 * second.at[l] + fresh2 * g * g;
      w.at[l] = w.at[l] * keep - step * (first.at[l] / (sqrtf(second.at[l]) / root + eps));
    }
    store(m + k, first);
    store(v + k, second);
    store(p + k, w);
  });
}

}  // namespace easel
