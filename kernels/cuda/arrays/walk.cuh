// Walking the rows of a Walk. Index is uint32_t where every index fits: 64-bit division costs several times
// as much, and is what would bound these kernels.
#pragma once
#include "packs.cuh"
#include "walk.h"

namespace easel {

// Where the row's operands begin, in elements.
template <typename Index>
EASEL_DEVICE void row_offsets(const Walk& w, Index row, int64_t& a, int64_t& b) {
  a = b = 0;
  for (int d = w.outer - 1; d > 0; --d) {
    const Index side = Index(w.sides[d]), rest = row / side;
    a += int64_t(row - rest * side) * w.a[d];
    b += int64_t(row - rest * side) * w.b[d];
    row = rest;
  }
  if (w.outer) {
    a += int64_t(row) * w.a[0];
    b += int64_t(row) * w.b[0];
  }
}

template <typename Index, int N, typename F>
EASEL_DEVICE void walk_steps(const Walk& w, F f) {
  const Index inner = Index(w.inner / N), steps = Index(w.count / N), stride = Index(gridDim.x) * blockDim.x;
  for (Index k = Index(blockIdx.x) * blockDim.x + threadIdx.x; k < steps; k += stride) {
    const Index row = k / inner, column = (k - row * inner) * N;
    int64_t a, b;
    row_offsets<Index>(w, row, a, b);
    f(Lanes<N>(), int64_t(k) * N, a + int64_t(column) * w.inner_a, b + int64_t(column) * w.inner_b);
  }
}

// f(Lanes<N>, k, a, b) for every N-th element k of the output, with the operands' elements that belong to it;
// w.inner is a multiple of N. Grid-stride; a grid has no more threads than 2^31.
template <int N, typename F>
EASEL_DEVICE void walk(const Walk& w, F f) {
  if (w.count < int64_t(1) << 31)
    walk_steps<uint32_t, N>(w, f);
  else
    walk_steps<int64_t, N>(w, f);
}

}  // namespace easel
