// The convolution's weight gradient as an implicit matrix product over pixels (compute-bound), and the passes
// that reorder weights between the files' (O, I, KH, KW) and the kernels' (O, KH, KW, I) (memory-bound).
#include "../product/matrix_source.cuh"
#include "../product/product.cuh"
#include "conv_source.cuh"

namespace easel {

template <typename T, int BM, int BN, bool ANY>
EASEL_DEVICE void conv2d_backward_weight(T* shared, float* parts, const T* dy, const T* x, const Product& p,
                                         const Window& g) {
  product_tile<T, BM, BN, ANY>(shared, AcrossK<T>{dy, p.lda, int(p.M), p.vector_a != 0},
                               WindowColumns<T>{x, g, int(p.N), p.vector_b != 0}, p,
                               Output<T>{nullptr, nullptr, nullptr, nullptr, parts, nullptr},
                               int(blockIdx.z));
}

#define CONV2D_WEIGHT(T, DTYPE, THREADS, BM, BN, NAME, ANY)                    \
  EASEL_KERNEL(THREADS, conv2d_backward_weight_##NAME##_##DTYPE,               \
               (float* parts, const T* dy, const T* x, Product p, Window g)) { \
    EASEL_SHARED(T, shared);                                                   \
    conv2d_backward_weight<T, BM, BN, ANY>(shared, parts, dy, x, p, g);        \
  }
CONV2D_WEIGHT(f16, f16, 128, 128, 128, 128x128, false)
CONV2D_WEIGHT(f16, f16, 128, 128, 64, 128x64, false)
CONV2D_WEIGHT(f16, f16, 128, 64, 64, any, true)
CONV2D_WEIGHT(bf16, bf16, 128, 128, 128, 128x128, false)
CONV2D_WEIGHT(bf16, bf16, 128, 128, 64, 128x64, false)
CONV2D_WEIGHT(bf16, bf16, 128, 64, 64, any, true)
CONV2D_WEIGHT(float, f32, 256, 128, 128, 128x128, false)
CONV2D_WEIGHT(float, f32, 64, 64, 64, any, true)

// to (O, taps, I) = from (O, I, taps): neighbouring threads write neighbours and read short runs.
template <typename T>
EASEL_DEVICE void pack_weights(T* to, const T* from, int64_t O, int64_t I, int64_t taps) {
  EASEL_GRID_STRIDE(at, O * I) {
    const int64_t o = at / I, c = at - o * I;
    for (int64_t tap = 0; tap < taps; ++tap) to[(o * taps + tap) * I + c] = from[at * taps + tap];
  }
}

// dw (O, I, taps) = the sums of the parts (splits, O, taps, I), in their order.
template <typename T>
EASEL_DEVICE void unpack_weights(T* dw, const float* parts, int64_t splits, int64_t O, int64_t I,
                                 int64_t taps) {
  EASEL_GRID_STRIDE(at, O * I) {
    const int64_t o = at / I, c = at - o * I;
    for (int64_t tap = 0; tap < taps; ++tap) {
      float sum = 0;
      for (int64_t s = 0; s < splits; ++s) sum += parts[((s * O + o) * taps + tap) * I + c];
      dw[at * taps + tap] = from_float<T>(sum);
    }
  }
}

#define WEIGHTS(T, NAME)                                                                                \
  EASEL_KERNEL(256, pack_weights_##NAME, (T * to, const T* from, int64_t O, int64_t I, int64_t taps)) { \
    pack_weights(to, from, O, I, taps);                                                                 \
  }                                                                                                     \
  EASEL_KERNEL(256, unpack_weights_##NAME,                                                              \
               (T * dw, const float* parts, int64_t splits, int64_t O, int64_t I, int64_t taps)) {      \
    unpack_weights(dw, parts, splits, O, I, taps);                                                      \
  }
WEIGHTS(float, f32)
WEIGHTS(f16, f16)
WEIGHTS(bf16, bf16)

}  // namespace easel
