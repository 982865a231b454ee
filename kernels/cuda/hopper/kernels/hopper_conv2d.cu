// conv2d and its input gradient on Hopper (hopper_product.cuh): the copying unit walks over pixels and fills
// in their padding (im2col mode), one tap and 64 channels at a time. The gradient, for strides of 1, is the
// convolution of dy with the taps reversed.
#include "hopper_product.cuh"

namespace easel {

template <int BN, bool GRADIENT>
struct PixelLoads {
  using Tile = HopperTile<BN, true, !GRADIENT>;
  const TensorMap& pixels;
  const TensorMap& weights;  // (K, O), or (I, taps, O) for the gradient
  const HopperWindow& g;

  EASEL_DEVICE void operator()(unsigned char* to_a, unsigned char* to_b, uint64_t* barrier, int k, int m,
                               int n) const {
    const int rows = g.to_width.divide(m), column = m - rows * g.to_width.divisor;
    const int picture = g.to_height.divide(rows), row = rows - picture * g.to_height.divisor;
    const int tap = g.by_channels.divide(k), channel = k - tap * g.by_channels.divisor;
    const int from = GRADIENT ? g.taps - 1 - tap : tap;
    const int down = g.kernel_width.divide(from), right = from - down * g.kernel_width.divisor;
    im2col_load(to_a, pixels, barrier, channel, column * g.stride - g.left, row * g.stride - g.top, picture,
                right, down);
    if constexpr (GRADIENT)
      for (int i = 0; i < BN / 64; ++i)
        tensor_load(to_b + i * Tile::kBox, weights, barrier, n + i * 64, tap, channel);
    else
      tensor_load(to_b, weights, barrier, k, n, 0);
  }
};

#define HOPPER_CONV2D(T, BN)                                                                                \
  EASEL_KERNEL(kHopperThreads, hopper_conv2d_##BN##_##T,                                                    \
               (T * y, const T* bias, const T* residual, float* parts, unsigned* tickets, EASEL_MAP pixels, \
                EASEL_MAP weights, Product p, HopperWindow g)) {                                            \
    EASEL_SHARED(unsigned char, shared);                                                                    \
    hopper_product<T, BN, true, true>(shared, PixelLoads<BN, false>{pixels, weights, g}, p,                 \
                                      Output<T>{y, bias, residual, nullptr, parts, tickets},                \
                                      int(blockIdx.z));                                                     \
  }                                                                                                         \
  EASEL_KERNEL(kHopperThreads, hopper_conv2d_backward_input_##BN##_##T,                                     \
               (T * dx, float* parts, unsigned* tickets, EASEL_MAP pixels, EASEL_MAP weights, Product p,    \
                HopperWindow g)) {                                                                          \
    EASEL_SHARED(unsigned char, shared);                                                                    \
    hopper_product<T, BN, true, false>(shared, PixelLoads<BN, true>{pixels, weights, g}, p,                 \
                                       Output<T>{dx, nullptr, nullptr, nullptr, parts, tickets},            \
                                       int(blockIdx.z));                                                    \
  }
HOPPER_CONV2D(f16, 256)
HOPPER_CONV2D(f16, 128)
HOPPER_CONV2D(bf16, 256)
HOPPER_CONV2D(bf16, 128)

}  // namespace easel
