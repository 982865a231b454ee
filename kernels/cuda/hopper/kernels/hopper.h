// What host and kernels of the Hopper path share: tensor maps, by which its copies find their way.
#pragma once
#include <cstdint>

#include "../../fast_div.h"

namespace easel {

// The driver's CUtensorMap: opaque, made by cuTensorMapEncode*, read by the copying unit alone.
struct alignas(64) TensorMap {
  uint64_t words[16];
};

// A block's rows, its K at a time, and the tiles in its shared memory: 192 KiB of them, behind the barriers
// and what it takes to begin at a multiple of 1024.
constexpr int kHopperRows = 128, kHopperDepth = 64, kHopperThreads = 288;
constexpr int kHopperShared = 2048 + (192 << 10);

// One operand of attention: a head's columns by 64 and, where its compiled width is no multiple of that, the
// 16 or 32 that are left. Axes: column, row, head, batch.
struct HeadMaps {
  TensorMap boxes, tail;
};
// Columns of a compiled width that lie in boxes of 64 (48 are one box), and those that are left.
constexpr int head_tail(int width) { return width % 64 <= 32 ? width % 64 : 0; }
constexpr int head_boxes(int width) { return (width - head_tail(width) + 63) / 64; }
// Tiles of keys and values, or of what their gradient reads, that are on their way or in use.
constexpr int kHopperStages = 3;
// Rows of a tile in attention's gradient: of dq, and of dk and dv.
constexpr int kHopperKeys = 80, kHopperQueries = 64;
// A third group, of which one warp copies, so that the two that multiply get its registers.
constexpr int kDkdvThreads = 384;
// Bytes of so many rows, and of a block's shared memory.
constexpr int head_bytes(int width, int rows) {
  return head_boxes(width) * rows * 128 + (rows * head_tail(width) * 2 + 1023) / 1024 * 1024;
}
constexpr int head_shared(int width, int keys, int stages) {
  return 2048 + head_bytes(width, kHopperRows) + stages * 2 * head_bytes(width, keys);
}
constexpr int gradient_shared(int width, int rows) {
  return 2048 + 2 * head_bytes(width, kHopperRows) + kHopperStages * 2 * (head_bytes(width, rows) + rows * 4);
}

// How a convolution's kernel finds the pixels of a tile: the output's sizes, where the window of its first
// pixel begins before the first one that is read, and the taps. Gradient: of dy, with the taps reversed.
struct HopperWindow {
  int32_t stride, top, left, taps;
  FastDiv to_height, to_width, by_channels, kernel_width;
};

}  // namespace easel
