// What chain.cu's kernels are given beside the code.
#pragma once
#include <stdint.h>

namespace easel {

// Results, sums, inputs: the operands that steps name.
struct ChainArrays {
  char* data[12];
  int32_t dtype[12];
  int64_t times[12];  // how often elements of those that repeat do
};

constexpr int kChainThreads = 128, kChainLanes = 4;  // lanes of a thread at a time
constexpr int64_t kChainPart = 1 << 13;              // lanes whose sums one block adds up
// Bytes of shared memory before the registers: the code, the operands, scalars and a block's sums.
constexpr int kChainHead = 2048;

}  // namespace easel
