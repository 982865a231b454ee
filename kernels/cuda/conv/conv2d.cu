// conv2d and its input gradient as implicit matrix products: pixels by (kh, kw, channel) times packed
// weights. Compute-bound but for very few channels, which read element by element (_any). The large blocks
// want channels that fill tiles of K. With stride 2 the gradient multiplies three zeros for each value that
// counts; it happens in three small layers of a U-Net.
#include <type_traits>

#include "../product/matrix_source.cuh"
#include "../product/product.cuh"
#include "conv_source.cuh"

namespace easel {

template <typename T, int BM, int BN, bool ANY>
EASEL_DEVICE void conv2d(T* shared, const Output<T>& out, const T* x, const T* w, const Product& p,
                         const Window& g) {
  using Rows = std::conditional_t<ANY, WindowRows<T, false>, TapRows<T, false>>;
  product_tile<T, BM, BN, ANY>(shared, Rows{x, g, int(p.M), p.vector_a != 0},
                               AlongK<T>{w, p.ldb, int(p.N), p.vector_b != 0}, p, out, int(blockIdx.z));
}

template <typename T, int BM, int BN, bool ANY>
EASEL_DEVICE void conv2d_backward_input(T* shared, const Output<T>& out, const T* dy, const T* w,
                                        const Product& p, const Window& g) {
  const int span = int(p.N), split = int(blockIdx.z);
  if constexpr (ANY)
    product_tile<T, BM, BN, true>(shared, WindowRows<T, true>{dy, g, int(p.M), p.vector_a != 0},
                                  WeightColumns<T>{w, g.by_channels, g.taps, span, p.vector_b != 0}, p, out,
                                  split);
  else
    product_tile<T, BM, BN, false>(shared, TapRows<T, true>{dy, g, int(p.M), true},
                                   TapWeights<T>{w, g, span, true, int64_t(g.taps) * span}, p, out, split);
}

#define CONV2D(T, DTYPE, THREADS, BM, BN, NAME, ANY)                                                         \
  EASEL_KERNEL(THREADS, conv2d_##NAME##_##DTYPE,                                                             \
               (T * y, const T* x, const T* w, const T* bias, const T* residual, float* parts,               \
                unsigned* tickets, Product p, Window g)) {                                                   \
    EASEL_SHARED(T, shared);                                                                                 \
    conv2d<T, BM, BN, ANY>(shared, {y, bias, residual, nullptr, parts, tickets}, x, w, p, g);                \
  }                                                                                                          \
  EASEL_KERNEL(THREADS, conv2d_backward_input_##NAME##_##DTYPE,                                              \
               (T * dx, const T* dy, const T* w, float* parts, unsigned* tickets, Product p, Window g)) {    \
    EASEL_SHARED(T, shared);                                                                                 \
    conv2d_backward_input<T, BM, BN, ANY>(shared, {dx, nullptr, nullptr, nullptr, parts, tickets}, dy, w, p, \
                                          g);                                                                \
  }
CONV2D(f16, f16, 256, 256, 128, 256x128, false)
CONV2D(f16, f16, 128, 128, 128, 128x128, false)
CONV2D(f16, f16, 128, 128, 64, 128x64, false)
CONV2D(f16, f16, 128, 64, 64, any, true)
CONV2D(bf16, bf16, 256, 256, 128, 256x128, false)
CONV2D(bf16, bf16, 128, 128, 128, 128x128, false)
CONV2D(bf16, bf16, 128, 128, 64, 128x64, false)
CONV2D(bf16, bf16, 128, 64, 64, any, true)
CONV2D(float, f32, 256, 128, 128, 128x128, false)
CONV2D(float, f32, 64, 64, 64, any, true)

}  // namespace easel
