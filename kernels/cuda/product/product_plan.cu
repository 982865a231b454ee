// Sums that blocks left in parts (attention's gradients of keys and values): memory-bound, splits reads for
// one write. Parts are added in their order, so results do not depend on which block came first.
#include "../device.cuh"

namespace easel {

template <typename T>
EASEL_DEVICE void add_parts(T* y, const float* parts, const T* bias, const T* residual, int64_t splits,
                            int64_t count, int64_t N) {
  EASEL_GRID_STRIDE(i, count) {
    float sum = parts[i];
    for (int64_t s = 1; s < splits; ++s) sum += parts[s * count + i];
    if (bias) sum += to_float(bias[i % N]);
    if (residual) sum += to_float(residual[i]);
    y[i] = from_float<T>(sum);
  }
}

#define ADD_PARTS(T, NAME)                                                                                  \
  EASEL_KERNEL(256, add_parts_##NAME,                                                                       \
               (T * y, const float* parts, const T* bias, const T* residual, int64_t splits, int64_t count, \
                int64_t N)) {                                                                               \
    add_parts(y, parts, bias, residual, splits, count, N);                                                  \
  }
ADD_PARTS(float, f32)
ADD_PARTS(f16, f16)
ADD_PARTS(bf16, bf16)

}  // namespace easel
