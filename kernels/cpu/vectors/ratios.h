// Whole numbers divided.
#pragma once
#include <cstdint>

namespace easel {

inline int64_t ratio_up(int64_t n, int64_t of) { return (n + of - 1) / of; }
inline int64_t round_up(int64_t n, int64_t to) { return ratio_up(n, to) * to; }

}  // namespace easel
