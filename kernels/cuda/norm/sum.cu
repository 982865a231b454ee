// sum(x; axes), axes kept as size 1: rows, columns, and any other pattern. Memory-bound: one read. A long
// reduction is cut into parts whose number depends on the shape alone; their float sums go to scratch and are
// summed by a second launch of the same kernel, so results are the same on every card.
#include "../arrays/reduce.cuh"
#include "../arrays/walk.h"

namespace easel {

// What is added up of an element: (x scale)^2 + shift with a scale or a shift, else x.
struct SumTerm {
  bool squares;
  float scale, shift;
  template <typename T>
  EASEL_DEVICE float operator()(T x) const {
    const float v = to_float(x);
    return squares ? v * scale * (v * scale) + shift : v;
  }
};
EASEL_DEVICE SumTerm sum_term(int32_t squares, const float* scale, float shift) {
  return {squares != 0, scale ? *scale : 1.0f, shift};
}

// x (A, R) -> y (A, parts), part p from p * chunk on. A part belongs to a warp, or with `whole` to the whole
// block. D is float for partial sums.
template <typename D, typename S>
EASEL_DEVICE void sum_rows(D* __restrict__ y, const S* __restrict__ x, int64_t A, int64_t R, int64_t parts,
                           int64_t chunk, bool whole, SumTerm term, float* room) {
  constexpr int N = kPack<S>;
  const bool packs = aligned(x) && R % N == 0 && chunk % N == 0;
  const int threads = whole ? blockDim.x : 32, owners = blockDim.x / threads;
  const int thread = threadIdx.x % threads, owner = threadIdx.x / threads;
  for (int64_t k0 = int64_t(blockIdx.x) * owners; k0 < A * parts; k0 += int64_t(gridDim.x) * owners) {
    const int64_t k = k0 + owner, a = k / parts, from = k % parts * chunk;
    const int64_t n = k < A * parts ? (from + chunk < R ? chunk : R - from) : 0;
    const S* row = x + a * R + from;
    float s = 0;
    if (packs) {
#pragma unroll 4
      for (int64_t j = thread; j < n / N; j += threads) {
        const Pack<S, N> v = load<S, N>(row + j * N);
        float lanes = 0;
#pragma unroll
        for (int l = 0; l < N; ++l) lanes += term(v.at[l]);
        s += lanes;
      }
    } else {
#pragma unroll 4
      for (int64_t j = thread; j < n; j += threads) s += term(row[j]);
    }
    s = whole ? block_sum(s, room) : warp_sum(s);
    if (thread == 0 && k < A * parts) y[k] = from_float<D>(s);
  }
}

template <int N, typename D, typename S>
EASEL_DEVICE void sum_tiles(D* y, const S* x, int64_t A, int64_t R, int64_t B, int64_t chunk, const Table& t,
                            SumTerm term, float* room) {
  const int64_t c = (int64_t(blockIdx.x) * t.across + t.column) * N, parts = gridDim.y;
  const int64_t from = blockIdx.y * chunk, to = from + chunk < R ? from + chunk : R;
  for (int64_t a = blockIdx.z; a < A; a += gridDim.z) {
    float s[1][N] = {};
    if (c < B) {
      const S* column = x + a * R * B + c;
#pragma unroll 4
      for (int64_t r = from + t.row; r < to; r += t.down) {
        const Pack<S, N> v = load<S, N>(column + r * B);
#pragma unroll
        for (int l = 0; l < N; ++l) s[0][l] += term(v.at[l]);
      }
    }
    column_sum(s, t, room);
    if (t.row == 0 && c < B) {
      D* sums = y + (a * parts + blockIdx.y) * B + c;
#pragma unroll
      for (int l = 0; l < N; ++l) sums[l] = from_float<D>(s[0][l]);
    }
  }
}

// x (A, R, B) -> y (A, parts, B): tiles of columns along the grid's x, parts of `chunk` rows along y, A along
// z.
template <typename D, typename S>
EASEL_DEVICE void sum_columns(D* __restrict__ y, const S* __restrict__ x, int64_t A, int64_t R, int64_t B,
                              int64_t chunk, int across, int packs, SumTerm term, float* room) {
  if (packs)
    sum_tiles<kPack<S>>(y, x, A, R, B, chunk, table(across), term, room);
  else
    sum_tiles<1>(y, x, A, R, B, chunk, table(across), term, room);
}

// Any other pattern: a warp walks the summed elements of each output. Rare, and small where it occurs.
template <typename T>
EASEL_DEVICE void sum_strided(T* __restrict__ y, const T* __restrict__ x, const Axes& kept,
                              const Axes& summed, SumTerm term) {
  const int warps = blockDim.x / 32;
  for (int64_t k = int64_t(blockIdx.x) * warps + threadIdx.x / 32; k < kept.count;
       k += int64_t(gridDim.x) * warps) {
    const T* from = x + kept.offset(k);
    float s = 0;
    for (int64_t r = lane_id(); r < summed.count; r += 32) s += term(from[summed.offset(r)]);
    s = warp_sum(s);
    if (lane_id() == 0) y[k] = from_float<T>(s);
  }
}

#define SUM(S, FROM, D, TO)                                                                           \
  EASEL_KERNEL(256, sum_rows_##FROM##_##TO,                                                           \
               (D * y, const S* x, int64_t A, int64_t R, int64_t parts, int64_t chunk, int32_t whole, \
                int32_t squares, const float* scale, float shift)) {                                  \
    EASEL_SHARED(float, room);                                                                        \
    sum_rows(y, x, A, R, parts, chunk, whole, sum_term(squares, scale, shift), room);                 \
  }                                                                                                   \
  EASEL_KERNEL(256, sum_columns_##FROM##_##TO,                                                        \
               (D * y, const S* x, int64_t A, int64_t R, int64_t B, int64_t chunk, int32_t across,    \
                int32_t packs, int32_t squares, const float* scale, float shift)) {                   \
    EASEL_SHARED(float, room);                                                                        \
    sum_columns(y, x, A, R, B, chunk, across, packs, sum_term(squares, scale, shift), room);          \
  }
SUM(float, f32, float, f32)
SUM(f16, f16, f16, f16)
SUM(f16, f16, float, f32)
SUM(float, f32, f16, f16)
SUM(bf16, bf16, bf16, bf16)
SUM(bf16, bf16, float, f32)
SUM(float, f32, bf16, bf16)

#define SUM_STRIDED(T, NAME)                                                                           \
  EASEL_KERNEL(                                                                                        \
      256, sum_strided_##NAME,                                                                         \
      (T * y, const T* x, Axes kept, Axes summed, int32_t squares, const float* scale, float shift)) { \
    sum_strided(y, x, kept, summed, sum_term(squares, scale, shift));                                  \
  }
EASEL_FLOATS(SUM_STRIDED)

}  // namespace easel
