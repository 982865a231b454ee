// What a matrix-product kernel is told besides its operands' addresses: plain structs that the host fills.
#pragma once
#include "../fast_div.h"

namespace easel {

// Tiles on their way or in use; a block's shared memory is that many times (its height + its width) * 64
// bytes.
constexpr int kStages = 3, kStagesOf256 = 4;

// y = A B (+ bias + residual), M x N, K long, for each z = outer * inner_count + inner of a stack.
struct Product {
  int64_t M, N, K;
  int64_t lda, ldb, ldy;              // distances of rows in memory, ldy also the residual's
  int64_t a_outer, b_outer, y_outer;  // of the stack's members, in elements
  int64_t a_inner, b_inner, y_inner;
  int32_t batch, inner_count;
  int32_t tiles_m, tiles_n;
  int32_t splits, split_k;               // parts of K and the length of one, a multiple of the tiles' depth
  int32_t vector_a, vector_b, vector_y;  // whether 16-byte chunks may be used
  int32_t add;                           // sums += products in place of =
  int64_t second_K, second_lda, second_ldb;  // of a second pair of operands; 0: there is none
  int32_t second_vector_a, second_vector_b;
};

// A convolution seen from the pixels of one picture (`to`), each reading a window of another (`from`).
// Forward and weight gradient: to = y, from = x. Input gradient: to = x, from = dy.
struct Window {
  int32_t height, width, channels;  // of `from`
  int32_t stride, top, left, taps;
  FastDiv to_height, to_width, by_channels, kernel_width, by_stride;
};

}  // namespace easel
