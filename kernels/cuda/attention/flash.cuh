// Pieces of flash attention (arXiv 2205.14135, 2307.08691): a head's rows as tiles in shared memory, the
// tensor cores' fragments read from them, and the exponentials of a block of scores.
//
// D is the head's width rounded up to a size that is compiled; columns beyond the width are zeros. Rows are D
// + 8 elements apart: an odd number of 16-byte chunks, so the eight rows of an ldmatrix phase lie in
// different banks.
#pragma once
#include "../device.cuh"
#include "attention.h"

namespace easel {

constexpr float kLog2E = 1.44269504088896341f;

template <typename T, int D>
struct HeadTile {
  static constexpr int kStride = D + 8;

  // ROWS rows from `first` on, of `count` that exist; `from` is row 0 of the head.
  template <int ROWS, int THREADS>
  static EASEL_DEVICE void load(T* tile, const T* from, const Heads& s, int64_t first, int64_t count) {
    constexpr int kChunks = D / 8;
    for (int c = int(threadIdx.x); c < ROWS * kChunks; c += THREADS) {
      const int r = c / kChunks, column = c % kChunks * 8;
      const T* at = from + (first + r) * s.row + column;
      T* to = tile + r * kStride + column;
      const bool exists = first + r < count;
      if (s.vector) {
        const bool valid = exists && column < s.width;
        cp_async16(to, valid ? at : from, valid);
      } else {
#pragma unroll 1
        for (int e = 0; e < 8; ++e) to[e] = exists && column + e < s.width ? at[e] : from_float<T>(0);
      }
    }
  }

  // Rows [r, r + 16), columns [k, k + 16) as operand A.
  static EASEL_DEVICE void a(uint32_t (&f)[4], const T* tile, int r, int k) {
    const int lane = lane_id();
    ldmatrix_x4(f, tile + (r + lane % 16) * kStride + k + lane / 16 * 8);
  }
  // As operand B, transposed: rows [n, n + 16) are B's columns, columns [k, k + 16) its rows.
  static EASEL_DEVICE void b_transposed(uint32_t (&f0)[2], uint32_t (&f1)[2], const T* tile, int n, int k) {
    const int lane = lane_id();
    uint32_t f[4];
    ldmatrix_x4(f, tile + (n + lane / 16 * 8 + lane % 8) * kStride + k + lane / 8 % 2 * 8);
    f0[0] = f[0], f0[1] = f[1], f1[0] = f[2], f1[1] = f[3];
  }
  // As operand B: rows [k, k + 16), columns [n, n + 16).
  static EASEL_DEVICE void b(uint32_t (&f0)[2], uint32_t (&f1)[2], const T* tile, int k, int n) {
    const int lane = lane_id();
    uint32_t f[4];
    ldmatrix_x4_trans(f, tile + (k + lane / 8 % 2 * 8 + lane % 8) * kStride + n + lane / 16 * 8);
    f0[0] = f[0], f0[1] = f[1], f1[0] = f[2], f1[1] = f[3];
  }
};

// sums (16 x N) += A (16 x D) * tile^T, whose N rows are the columns of the result; A in registers.
template <typename T, int D, int N>
EASEL_DEVICE void times_transposed(float (&sums)[N / 8][4], const uint32_t (&a)[D / 16][4], const T* tile) {
#pragma unroll
  for (int k = 0; k < D / 16; ++k)
#pragma unroll
    for (int n = 0; n < N / 16; ++n) {
      uint32_t f0[2], f1[2];
      HeadTile<T, D>::b_transposed(f0, f1, tile, n * 16, k * 16);
      mma<T>(sums[n * 2], a[k], f0);
      mma<T>(sums[n * 2 + 1], a[k], f1);
    }
}
// A being rows [r, r + 16) of another tile.
template <typename T, int D, int N>
EASEL_DEVICE void times_transposed(float (&sums)[N / 8][4], const T* a, int r, const T* tile) {
#pragma unroll
  for (int k = 0; k < D / 16; ++k) {
    uint32_t fa[4];
    HeadTile<T, D>::a(fa, a, r, k * 16);
#pragma unroll
    for (int n = 0; n < N / 16; ++n) {
      uint32_t f0[2], f1[2];
      HeadTile<T, D>::b_transposed(f0, f1, tile, n * 16, k * 16);
      mma<T>(sums[n * 2], fa, f0);
      mma<T>(sums[n * 2 + 1], fa, f1);
    }
  }
}

// The sums of a 16 x 16 block are, rounded, the A fragment of the next product: no shuffles.
template <typename T>
EASEL_DEVICE void as_operand(uint32_t (&a)[4], const float (&left)[4], const float (&right)[4]) {
  a[0] = pack2<T>(left[0], left[1]);
  a[1] = pack2<T>(left[2], left[3]);
  a[2] = pack2<T>(right[0], right[1]);
  a[3] = pack2<T>(right[2], right[3]);
}

// sums (16 x D) += weights (16 x K) * tile (K x D).
template <typename T, int D, int K>
EASEL_DEVICE void times(float (&sums)[D / 8][4], const float (&weights)[K / 8][4], const T* tile) {
#pragma unroll
  for (int k = 0; k < K / 16; ++k) {
    uint32_t a[4];
    as_operand<T>(a, weights[k * 2], weights[k * 2 + 1]);
#pragma unroll
    for (int n = 0; n < D / 16; ++n) {
      uint32_t f0[2], f1[2];
      HeadTile<T, D>::b(f0, f1, tile, k * 16, n * 16);
      mma<T>(sums[n * 2], a, f0);
      mma<T>(sums[n * 2 + 1], a, f1);
    }
  }
}

// Two neighbouring columns of a row of `to`; `column` is even.
template <typename T>
EASEL_DEVICE void store_pair(T* to, int column, const Heads& s, float x, float y) {
  if (s.vector) {
    if (column < s.width) *reinterpret_cast<uint32_t*>(to + column) = pack2<T>(x, y);
  } else {
    if (column < s.width) to[column] = from_float<T>(x);
    if (column + 1 < s.width) to[column + 1] = from_float<T>(y);
  }
}

}  // namespace easel
