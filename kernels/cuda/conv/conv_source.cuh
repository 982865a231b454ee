// Where the operands of a convolution's three products lie, for TileLoader (tile.cuh): the im2col matrix is
// never made, its addresses are computed as tiles are filled. Weights are packed (O, KH, KW, I).
//
// Where channels fill whole tiles of K a tile lies within one tap: TapRows and TapWeights
// decode it once a tile, keep each pixel's address and which taps it has as one bit each, and add. The others
// decode every chunk.
#pragma once
#include "../device.cuh"
#include "../product/product.h"

namespace easel {

// Rows of im2col, K = (kh, kw, channel). GRADIENT: of the transposed convolution.
template <typename T, bool GRADIENT>
struct WindowRows {
  static constexpr bool kAlongK = true, kSteps = false;
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
  static constexpr bool kAlongK = false, kSteps = false;
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
  static constexpr bool kAlongK = false, kSteps = false;
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

// A tap of the window and the first channel there.
struct Tap {
  int tap, channel;
};
EASEL_DEVICE Tap tap_of(const Window& g, int k) {
  const int tap = g.by_channels.divide(k);
  return {tap, k - tap * g.channels};
}

// WindowRows with whole taps. The address of a tap is linear in it, with a stride too: of dy's pixel
// (row - kh) / stride only taps with kh = row modulo stride have one, and there it is row / stride -
// kh / stride, both rounded down.
template <typename T, bool GRADIENT>
struct TapRows {
  static constexpr bool kAlongK = true, kSteps = true, kWholeSteps = true;
  const T* base;
  Window g;
  int span;
  bool vector;

  struct Line {
    const T* start;  // at tap 0, which may lie outside
    uint32_t taps;   // bit t: tap t is a pixel
  };
  struct Step {
    int64_t offset;
    int tap;
  };

  EASEL_DEVICE Line line(int s, int k) const {
    const WindowRows<T, GRADIENT> rows{base, g, span, vector};
    const auto at = rows.line(s);
    if (!at.picture) return {base, 0};
    uint32_t taps = 0;
#pragma unroll 1
    for (int tap = g.taps - 1; tap >= 0; --tap)
      taps = taps << 1 | (rows.find(at, tap * g.channels) ? 1u : 0u);
    const int row = GRADIENT ? g.by_stride.divide(at.row) : at.row,
              column = GRADIENT ? g.by_stride.divide(at.column) : at.column;
    return {at.picture + (int64_t(row) * g.width + column) * g.channels + k, taps};
  }
  EASEL_DEVICE Step step(int k) const {
    const Tap t = tap_of(g, k);
    const int kh = g.kernel_width.divide(t.tap), kw = t.tap - kh * g.kernel_width.divisor;
    const int pixel =
        GRADIENT ? -(g.by_stride.divide(kh) * g.width + g.by_stride.divide(kw)) : kh * g.width + kw;
    return {int64_t(pixel) * g.channels + t.channel, t.tap};
  }
  EASEL_DEVICE const T* find(const Line& line, const Step& step) const { return line.start + step.offset; }
  EASEL_DEVICE bool inside(const Line& line, const Step& step) const { return line.taps >> step.tap & 1; }
};

// WeightColumns with whole taps.
template <typename T>
struct TapWeights {
  static constexpr bool kAlongK = false, kSteps = true, kWholeSteps = true;
  const T* base;
  Window g;  // of dy, so its channels are the weights' outputs
  int span;
  bool vector;
  int64_t row;  // taps * span

  struct Line {
    const T* start;
    bool inside;
  };
  EASEL_DEVICE Line line(int s, int k) const { return {base + k * row + s, s < span}; }
  EASEL_DEVICE int64_t step(int k) const {
    const Tap t = tap_of(g, k);
    return t.channel * row + t.tap * span;
  }
  EASEL_DEVICE const T* find(const Line& line, int64_t step) const { return line.start + step; }
  EASEL_DEVICE bool inside(const Line& line, int64_t) const { return line.inside; }
};

}  // namespace easel
