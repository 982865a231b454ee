// The arithmetic of F(2x2, 3x3) on one tile or panel: transforms of pixels, weights and sums, and the product
// between them. Arrays of 16 are the positions of a transformed 4x4 tile, row by row.
#pragma once
#include "../vectors/vectors.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

using vectors::kLanes;
using Lanes = vectors::Vec;
constexpr int kRows = kLanes == 16 ? 14 : kLanes == 8 ? 6 : 4;
constexpr int kPanel = 2 * kLanes;  // output channels of one product
constexpr int kDepth = 160;         // input channels of one product, at most

// As many numbers as V, lanes or one float, holds.
template <typename V, typename T>
EASEL_FN V load(const T* from) {
  if constexpr (std::is_same_v<V, float>)
    return to_float(*from);
  else
    return vectors::LanesOf<T>::read(from);
}

template <typename T, typename V>
EASEL_FN void store(T* to, V v) {
  if constexpr (std::is_same_v<V, float>)
    *to = from_float<T>(v);
  else
    vectors::LanesOf<T>::write(to, v);
}

// B^T d B of one tile's pixels, for as many channels as V holds.
template <typename V, typename T>
EASEL_FN void transform_pixels(float* to, int64_t apart, const T* const* pixels, int64_t channel) {
  V t[4][4];
  for (int c = 0; c < 4; ++c) {
    const V a = load<V>(pixels[c] + channel), b = load<V>(pixels[4 + c] + channel),
            d = load<V>(pixels[8 + c] + channel), e = load<V>(pixels[12 + c] + channel);
    t[0][c] = a - d;
    t[1][c] = b + d;
    t[2][c] = d - b;
    t[3][c] = b - e;
  }
  for (int r = 0; r < 4; ++r, to += 4 * apart) {
    store(to, t[r][0] - t[r][2]);
    store(to + apart, t[r][1] + t[r][2]);
    store(to + 2 * apart, t[r][2] - t[r][1]);
    store(to + 3 * apart, t[r][1] - t[r][3]);
  }
}

template <typename V>
EASEL_FN void spread(V (&to)[4], V a, V b, V c) {
  const V ends = (a + c) * 0.5f, middle = b * 0.5f;
  to[0] = a;
  to[1] = ends + middle;
  to[2] = ends - middle;
  to[3] = c;
}

// G w G^T of kLanes kernels, whose taps are at from[taps[0 to 8]], row by row.
template <typename T>
EASEL_FN void transform_weights(float* to, int64_t apart, const T* from, const int64_t* taps) {
  Lanes columns[3][4];
  for (int c = 0; c < 3; ++c)
    spread(columns[c], load<Lanes>(from + taps[c]), load<Lanes>(from + taps[3 + c]),
           load<Lanes>(from + taps[6 + c]));
  for (int r = 0; r < 4; ++r, to += 4 * apart) {
    Lanes row[4];
    spread(row, columns[0][r], columns[1][r], columns[2][r]);
    for (int c = 0; c < 4; ++c) store(to + c * apart, row[c]);
  }
}

using Numbers = int32_t __attribute__((vector_size(4 * kLanes)));

// Swaps blocks of kStep x kStep across the diagonal of each pair of rows kStep apart.
template <int kStep, int... kLane>
EASEL_FN void swap_blocks(Lanes (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
  constexpr Numbers upper = {(kLane & kStep ? kLane - kStep + kLanes : kLane)...},
                    lower = {(kLane & kStep ? kLane + kLanes : kLane + kStep)...};
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; ++r) {
    if (r & kStep) continue;
    const Lanes a = rows[r], b = rows[r + kStep];
    rows[r] = __builtin_shuffle(a, b, upper);
    rows[r + kStep] = __builtin_shuffle(a, b, lower);
  }
}

EASEL_FN void transpose(Lanes (&rows)[kLanes]) {
  constexpr std::make_integer_sequence<int, kLanes> lanes;
  swap_blocks<1>(rows, lanes);
  swap_blocks<2>(rows, lanes);
  if constexpr (kLanes > 4) swap_blocks<4>(rows, lanes);
  if constexpr (kLanes > 8) swap_blocks<8>(rows, lanes);
}

// A^T m A: the four outputs of one tile's sums.
template <typename V>
EASEL_FN void transform_sums(V (&y)[4], const float* sums, int64_t apart) {
  V t[2][4];
  for (int c = 0; c < 4; ++c) {
    const V a = load<V>(sums + c * apart), b = load<V>(sums + (4 + c) * apart),
            d = load<V>(sums + (8 + c) * apart), e = load<V>(sums + (12 + c) * apart);
    t[0][c] = a + b + d;
    t[1][c] = b - d - e;
  }
  for (int r = 0; r < 2; ++r) {
    y[2 * r] = t[r][0] + t[r][1] + t[r][2];
    y[2 * r + 1] = t[r][1] - t[r][2] - t[r][3];
  }
}

// sums (kMany, kPanel) = or += x (kMany, depth; rows kDepth apart) w (depth, kPanel).
template <int kMany>
void multiply(float* sums, const float* x, const float* w, int64_t depth, bool add) {
  Lanes s[kMany][2];
#pragma GCC unroll 16
  for (int r = 0; r < kMany; ++r)
    for (int j = 0; j < 2; ++j) s[r][j] = add ? load<Lanes>(sums + r * kPanel + j * kLanes) : Lanes{};
  for (int64_t k = 0; k < depth; ++k) {
    __builtin_prefetch(x + kMany * kDepth + k * 16, 0, 2);  // the next rows; without, half of the speed
    const Lanes a = load<Lanes>(w + k * kPanel), b = load<Lanes>(w + k * kPanel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kMany; ++r) {
      const float f = x[r * kDepth + k];
      s[r][0] += f * a;
      s[r][1] += f * b;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kMany; ++r)
    for (int j = 0; j < 2; ++j) store(sums + r * kPanel + j * kLanes, s[r][j]);
}

using Multiply = void (*)(float*, const float*, const float*, int64_t, bool);

template <int... kMany>
constexpr Multiply multiply_of(std::integer_sequence<int, kMany...>, int64_t rows) {
  constexpr Multiply all[] = {multiply<kMany + 1>...};
  return all[rows - 1];
}

// The same for any number of rows, in groups of nearly one size.
inline void multiply_rows(float* sums, const float* x, const float* w, int64_t rows, int64_t depth,
                          bool add) {
  const int64_t groups = (rows + kRows - 1) / kRows;
  for (int64_t n = 0; n < groups; ++n) {
    const int64_t from = rows * n / groups, many = rows * (n + 1) / groups - from;
    multiply_of(std::make_integer_sequence<int, kRows>(), many)(sums + from * kPanel, x + from * kDepth, w,
                                                                depth, add);
  }
}

}  // namespace
}  // namespace EASEL_ISA
}  // namespace easel
