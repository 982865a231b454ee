// What attention's kernels are told, and how host code chooses among them.
#pragma once
#include <cstdint>

namespace easel {

// q, out: (batch, queries, heads * width), k, v: (batch, keys, heads * width).
struct Heads {
  int64_t queries, keys, row;  // row: heads * width
  int32_t heads, width, causal;
  int32_t vector;  // 16-byte chunks may be used
  float scale;
  int32_t pad;
};

}  // namespace easel
