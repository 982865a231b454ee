// matmul: the four layouts of two plain matrices (n: as they lie, t: transposed) in each block size that
// product_plan.cpp offers. The large blocks take 16-byte chunks for granted; _any reads elements where chunks
// do not fit, and is all that tt has: no gradient makes one.
#include <type_traits>

#include "matrix_source.cuh"
#include "product.cuh"

namespace easel {

template <typename T, bool TRANSPOSED_A, bool TRANSPOSED_B, int BM, int BN, bool ANY>
EASEL_DEVICE void matmul(T* shared, Output<T> out, const T* a, const T* b, const T* second_a,
                         const T* second_b, const Product& p) {
  const int split = place_in_stack(p, a, b, out);
  using A = std::conditional_t<TRANSPOSED_A, AcrossK<T>, AlongK<T>>;
  using B = std::conditional_t<TRANSPOSED_B, AlongK<T>, AcrossK<T>>;
  const Second<A, B> second{{second_a, p.second_lda, int(p.M), p.second_vector_a != 0},
                            {second_b, p.second_ldb, int(p.N), p.second_vector_b != 0}};
  product_tile<T, BM, BN, ANY>(shared, A{a, p.lda, int(p.M), p.vector_a != 0},
                               B{b, p.ldb, int(p.N), p.vector_b != 0}, p, out, split, second);
}

#define MATMUL(T, DTYPE, LAYOUT, TA, TB, THREADS, BM, BN, NAME, ANY)                                  \
  EASEL_KERNEL(THREADS, matmul_##LAYOUT##_##NAME##_##DTYPE,                                           \
               (T * y, const T* a, const T* b, const T* second_a, const T* second_b, const T* bias,   \
                const T* residual, float* sums, float* parts, unsigned* tickets, Product p)) {        \
    EASEL_SHARED(T, shared);                                                                          \
    matmul<T, TA, TB, BM, BN, ANY>(shared, {y, bias, residual, sums, parts, tickets}, a, b, second_a, \
                                   second_b, p);                                                      \
  }
#define MATMUL_HALF(LAYOUT, TA, TB)                                 \
  MATMUL(f16, f16, LAYOUT, TA, TB, 256, 256, 128, 256x128, false)   \
  MATMUL(f16, f16, LAYOUT, TA, TB, 128, 128, 128, 128x128, false)   \
  MATMUL(f16, f16, LAYOUT, TA, TB, 128, 128, 64, 128x64, false)     \
  MATMUL(f16, f16, LAYOUT, TA, TB, 128, 64, 64, any, true)          \
  MATMUL(bf16, bf16, LAYOUT, TA, TB, 256, 256, 128, 256x128, false) \
  MATMUL(bf16, bf16, LAYOUT, TA, TB, 128, 128, 128, 128x128, false) \
  MATMUL(bf16, bf16, LAYOUT, TA, TB, 128, 128, 64, 128x64, false)   \
  MATMUL(bf16, bf16, LAYOUT, TA, TB, 128, 64, 64, any, true)
#define MATMUL_FLOAT(LAYOUT, TA, TB)                                \
  MATMUL(float, f32, LAYOUT, TA, TB, 256, 128, 128, 128x128, false) \
  MATMUL(float, f32, LAYOUT, TA, TB, 64, 64, 64, any, true)

MATMUL_HALF(nn, false, false)
MATMUL_HALF(nt, false, true)
MATMUL_HALF(tn, true, false)
MATMUL(f16, f16, tt, true, true, 128, 64, 64, any, true)
MATMUL(bf16, bf16, tt, true, true, 128, 64, 64, any, true)
MATMUL_FLOAT(nn, false, false)
MATMUL_FLOAT(nt, false, true)
MATMUL_FLOAT(tn, true, false)
MATMUL(float, f32, tt, true, true, 64, 64, 64, any, true)

}  // namespace easel
