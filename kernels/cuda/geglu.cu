// geglu([a | b]) = a * gelu(b) over halves of the last axis, and its gradient. Memory-bound.
#include "device.cuh"

namespace easel {

template <typename T>
EASEL_DEVICE void geglu(T* __restrict__ y, const T* __restrict__ x, int64_t M,
                        int64_t C) {  // y: (M, C), x: (M, 2C)
  EASEL_GRID_STRIDE(i, M * C) {
    const int64_t a = i + i / C * C;  // x's rows are twice as long: skip one C for each row passed
    y[i] = from_float<T>(to_float(x[a]) * gelu(to_float(x[a + C])));
  }
}

template <typename T>
EASEL_DEVICE void geglu_backward(T* __restrict__ dx, const T* __restrict__ dy, const T* __restrict__ x,
                                 int64_t M,
                                 int64_t C) {  // dx, x: (M, 2C), dy: (M, C)
  EASEL_GRID_STRIDE(i, M * C) {
    const int64_t at = i + i / C * C;
    const float d = to_float(dy[i]), a = to_float(x[at]), b = to_float(x[at + C]), cdf = normal_cdf(b);
    dx[at] = from_float<T>(d * (b * cdf));
    dx[at + C] = from_float<T>(d * a * (cdf + b * 0.39894228040143268f * exp_of(-0.5f * b * b)));
  }
}

#define GEGLU(T, NAME)                                                                                \
  EASEL_KERNEL(256, geglu_##NAME, (T * y, const T* x, int64_t M, int64_t C)) { geglu(y, x, M, C); }   \
  EASEL_KERNEL(256, geglu_backward_##NAME, (T * dx, const T* dy, const T* x, int64_t M, int64_t C)) { \
    geglu_backward(dx, dy, x, M, C);                                                                  \
  }
GEGLU(float, f32)
GEGLU(f16, f16)
GEGLU(bf16, bf16)

}  // namespace easel
