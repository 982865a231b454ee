// What host and kernels of the Hopper path share: tensor maps, by which its copies find their way.
#pragma once
#include <cstdint>

#include "fast_div.h"

namespace easel {

// The driver's CUtensorMap: opaque, made by cuTensorMapEncode*, read by the copying unit alone.
struct alignas(64) TensorMap {
  uint64_t words[16];
};

// A block's rows, its K at a time, and the tiles in its shared memory: 192 KiB of them, behind the barriers
// and what it takes to begin at a multiple of 1024.
constexpr int kHopperRows = 128, kHopperDepth = 64, kHopperThreads = 288;
constexpr int kHopperShared = 2048 + (192 << 10);

// How a convolution's kernel finds the pixels of a tile: the output's sizes, where the window of its first
// pixel begins before the first one that is read, and the taps. Gradient: of dy, with the taps reversed.
struct HopperWindow {
  int32_t stride, top, left, taps;
  FastDiv to_height, to_width, by_channels, kernel_width;
};

}  // namespace easel
