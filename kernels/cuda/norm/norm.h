// How the normalisations share out their work: a block is a table of threads, `across` along the channels and
// the others along the rows, of which it takes `chunk`.
#pragma once
#include "../../pointwise.h"

namespace easel {

// 8 threads with packs of 16 bytes read a line of memory; without packs 32 do.
constexpr int kAcrossPacks = 8, kAcross = 32;
constexpr int kNormThreads = 256;

// The sizes of a group normalisation over x (N, P, C).
struct Groups {
  int64_t N, P, chunk;  // P: pixels
  int32_t C, G, width;  // channels, groups, channels of a group
  int32_t parts, silu;  // P / chunk rounded up
  int32_t packs;        // whether every row allows 16-byte accesses
  float eps;
  int32_t pad;
};

// Groups of at most so many elements fit, as floats, the shared memory that every block can have.
constexpr int kSmallGroup = 48 * 256 - 32;

}  // namespace easel
