// Where the elements of a plain matrix lie, for TileLoader (tile.cuh).
#pragma once
#include "device.cuh"

namespace easel {

// Element (s, k) at base[s * ld + k].
template <typename T>
struct AlongK {
  static constexpr bool kAlongK = true;
  const T* base;
  int64_t ld;
  int span;
  bool vector;

  struct Line {
    const T* start;
  };
  EASEL_DEVICE Line line(int s) const { return {s < span ? base + s * ld : nullptr}; }
  EASEL_DEVICE const T* find(const Line& line, int k) const { return line.start ? line.start + k : nullptr; }
  EASEL_DEVICE bool inside(const Line& line) const { return line.start != nullptr; }
};

// Element (s, k) at base[k * ld + s].
template <typename T>
struct AcrossK {
  static constexpr bool kAlongK = false;
  const T* base;
  int64_t ld;
  int span;
  bool vector;

  struct Line {
    int s;
  };
  EASEL_DEVICE Line line(int s) const { return {s}; }
  EASEL_DEVICE const T* find(const Line& line, int k) const { return base + k * ld + line.s; }
  EASEL_DEVICE bool inside(const Line& line) const { return line.s < span; }
};

}  // namespace easel
