// Parts of a head, in which attention's gradient by tiles of AMX adds up.
#pragma once
#include "attention_layouts.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

// Parts of a head at most, and so many keys or queries of each at least.
constexpr int64_t kMostParts = 4, kPart = 1024;

// Numbers [0, total) in parts.
struct Parts {
  int64_t total, size, count;
  explicit Parts(int64_t total, bool divide = true)
      : total(total),
        size(divide ? round_up(ratio_up(total, kMostParts), kPart) : total),
        count(ratio_up(total, size)) {}
  int64_t begin(int64_t part) const { return part * size; }
  int64_t length(int64_t part) const { return std::min(size, total - begin(part)); }
};

// sum += x, of n numbers, a multiple of the lanes.
inline void add_sums(const float* x, int64_t n, float* sum) {
  for (int64_t k = 0; k < n; k += kLanes) store(sum + k, load(sum + k) + load(x + k));
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
