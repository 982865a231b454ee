// Where the operands of a convolution's three products lie, for TileLoader (tile.cuh): the im2col matrix is
// never made, its addresses are computed as tiles are filled. Weights are packed (O, KH, KW, I).
#pragma once
#include "device.cuh"
#include "product.h"

namespace easel {

// Rows of im2col, K = (kh, kw, channel). GRADIENT: of the transposed convolution.
template <typename T, bool GRADIENT>
struct WindowRows {
  static constexpr bool kAlongK = true;
  const T* base;
  Window g;
  int span;
  bool vector;  // channels fill whole chunks

  struct Line {
    const T* picture;
    int row, column;
  };
  EASEL_DEVICE Line line(int s) const {
    if (s >= span) return {nullptr, 0, 0};
    const int rows = g.to_width.divide(s), column = s - rows * g.to_width.divisor;
    const int n = g.to_height.divide(rows), row = rows - n * g.to_height.divisor;
    const T* picture = base + int64_t(n) * g.height * g.width * g.channels;
    if (GRADIENT) return {picture, row + g.top, column + g.left};
    return {picture, row * g.stride - g.top, column * g.stride - g.left};
  }
  EASEL_DEVICE const T* find(const Line& line, int k) const {
    const int tap = g.by_channels.divide(k), channel = k - tap * g.channels;
    const int kh = g.kernel_width.divide(tap), kw = tap - kh * g.kernel_width.divisor;
    int row = GRADIENT ? line.row - kh : line.row + kh,
        column = GRADIENT ? line.column - kw : line.column + kw;
    if (!line.picture || row < 0 || column < 0) return nullptr;
    if (GRADIENT && g.stride > 1) {  // only every stride-th tap meets a pixel of dy
      const int r = g.by_stride.divide(row), c = g.by_stride.divide(column);
      if (r * g.stride != row || c * g.stride != column) return nullptr;
      row = r;
      column = c;
    }
    if (row >= g.height || column >= g.width) return nullptr;
    return line.picture + (int64_t(row) * g.width + column) * g.channels + channel;
  }
  EASEL_DEVICE bool inside(const Line& line) const { return line.picture != nullptr; }
};

// Columns of im2col for the weight gradient: K = pixels of y, span = (kh, kw, channel).
template <typename T>
struct WindowColumns {
  static constexpr bool kAlongK = false;
  const T* base;
  Window g;
  int span;
  bool vector;

  struct Line {
    int row, column, channel;  // channel -1: beyond the span
  };
  EASEL_DEVICE Line line(int s) const {
    const int tap = g.by_channels.divide(s), channel = s - tap * g.channels;
    const int kh = g.kernel_width.divide(tap), kw = tap - kh * g.kernel_width.divisor;
    return {kh - g.top, kw - g.left, s < span ? channel : -1};
  }
  EASEL_DEVICE const T* find(const Line& line, int k) const {
    const int rows = g.to_width.divide(k), column = (k - rows * g.to_width.divisor) * g.stride + line.column;
    const int n = g.to_height.divide(rows), row = (rows - n * g.to_height.divisor) * g.stride + line.row;
    if (row < 0 || row >= g.height || column < 0 || column >= g.width) return nullptr;
    return base + ((int64_t(n) * g.height + row) * g.width + column) * g.channels + line.channel;
  }
  EASEL_DEVICE bool inside(const Line& line) const { return line.channel >= 0; }
};

// Packed weights for the input gradient: K = (kh, kw, o), span = i.
template <typename T>
struct WeightColumns {
  static constexpr bool kAlongK = false;
  const T* base;
  FastDiv outputs;  // O
  int taps, span;
  bool vector;

  struct Line {
    int s;
  };
  EASEL_DEVICE Line line(int s) const { return {s}; }
  EASEL_DEVICE const T* find(const Line& line, int k) const {
    const int tap = outputs.divide(k), o = k - tap * outputs.divisor;
    return base + (int64_t(o) * taps + tap) * span + line.s;
  }
  EASEL_DEVICE bool inside(const Line& line) const { return line.s < span; }
};

}  // namespace easel
