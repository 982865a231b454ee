// Where the elements of a plain matrix lie, for TileLoader (tile.cuh).
#pragma once
#include "../device.cuh"

namespace easel {

// A position of the span, and an element of the first tile there.
template <typename T>
struct MatrixLine {
  const T* start;
  bool inside;
};

// Element (s, k) at base[s * ld + k].
template <typename T>
struct AlongK {
  static constexpr bool kAlongK = true, kSteps = true, kWholeSteps = false;
  const T* base;
  int64_t ld;
  int span;
  bool vector;

  using Line = MatrixLine<T>;
  EASEL_DEVICE Line line(int s, int k) const { return {base + s * ld + k, s < span}; }
  EASEL_DEVICE int step(int k) const { return k; }
  EASEL_DEVICE const T* find(const Line& line, int step) const { return line.start + step; }
  EASEL_DEVICE bool inside(const Line& line, int) const { return line.inside; }
};

// Element (s, k) at base[k * row + s].
template <typename T>
struct AcrossK {
  static constexpr bool kAlongK = false, kSteps = true, kWholeSteps = false;
  const T* base;
  int64_t row;
  int span;
  bool vector;

  using Line = MatrixLine<T>;
  EASEL_DEVICE Line line(int s, int k) const { return {base + k * row + s, s < span}; }
  EASEL_DEVICE int64_t step(int k) const { return k * row; }
  EASEL_DEVICE const T* find(const Line& line, int64_t step) const { return line.start + step; }
  EASEL_DEVICE bool inside(const Line& line, int64_t) const { return line.inside; }
};

}  // namespace easel
