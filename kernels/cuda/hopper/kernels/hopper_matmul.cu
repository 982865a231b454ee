// matmul on Hopper (hopper_product.cuh): the three layouts that training has, in two block sizes. Both
// operands are tensors of three axes, the last one the stack's.
#include "hopper_product.cuh"

namespace easel {

template <int BN, bool A_ALONG_K, bool B_ALONG_K>
struct MatrixLoads {
  using Tile = HopperTile<BN, A_ALONG_K, B_ALONG_K>;
  const TensorMap& a;
  const TensorMap& b;
  int member;

  EASEL_DEVICE void operator()(unsigned char* to_a, unsigned char* to_b, uint64_t* barrier, int k, int m,
                               int n) const {
    if constexpr (A_ALONG_K)
      tensor_load(to_a, a, barrier, k, m, member);
    else
      for (int i = 0; i < kHopperRows / 64; ++i)
        tensor_load(to_a + i * Tile::kBox, a, barrier, m + i * 64, k, member);
    if constexpr (B_ALONG_K)
      tensor_load(to_b, b, barrier, k, n, member);
    else
      for (int i = 0; i < BN / 64; ++i) tensor_load(to_b + i * Tile::kBox, b, barrier, n + i * 64, k, member);
  }
};

template <typename T, int BN, bool A_ALONG_K, bool B_ALONG_K>
EASEL_DEVICE void hopper_matmul(unsigned char* shared, Output<T> out, const TensorMap& a, const TensorMap& b,
                                const Product& p) {
  const int member = int(blockIdx.z) % p.batch;
  const int64_t offset = member * p.y_outer;
  if (out.y) out.y += offset;
  if (out.residual) out.residual += offset;
  if (out.sums) out.sums += offset;
  if (out.parts) out.parts += offset;
  hopper_product<T, BN, A_ALONG_K, B_ALONG_K>(shared, MatrixLoads<BN, A_ALONG_K, B_ALONG_K>{a, b, member}, p,
                                              out, int(blockIdx.z) / p.batch);
}

#define HOPPER_MATMUL(T, LAYOUT, ALONG_A, ALONG_B, BN)                                                  \
  EASEL_KERNEL(kHopperThreads, hopper_matmul_##LAYOUT##_##BN##_##T,                                     \
               (T * y, const T* bias, const T* residual, float* sums, float* parts, unsigned* tickets,  \
                EASEL_MAP a, EASEL_MAP b, Product p)) {                                                 \
    EASEL_SHARED(unsigned char, shared);                                                                \
    hopper_matmul<T, BN, ALONG_A, ALONG_B>(shared, {y, bias, residual, sums, parts, tickets}, a, b, p); \
  }
#define HOPPER_LAYOUTS(T, BN)           \
  HOPPER_MATMUL(T, nn, true, false, BN) \
  HOPPER_MATMUL(T, nt, true, true, BN)  \
  HOPPER_MATMUL(T, tn, false, false, BN)
HOPPER_LAYOUTS(f16, 256)
HOPPER_LAYOUTS(f16, 128)
HOPPER_LAYOUTS(bf16, 256)
HOPPER_LAYOUTS(bf16, 128)

}  // namespace easel
