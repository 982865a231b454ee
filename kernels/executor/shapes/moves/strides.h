// How an output's elements find their operands' when these are repeated or reordered: binary, broadcast and
// permute.
#pragma once
#include <array>

#include "../../instruction.h"

namespace easel {

using PerAxis = std::array<int64_t, EASEL_MAX_RANK>;

// Of two operands along y's axes, in elements; 0 where one is repeated.
struct Strides {
  PerAxis a{}, b{};
};
Strides binary_strides(const Instruction& i);     // of both operands
Strides broadcast_strides(const Instruction& i);  // a: of x
Strides permute_strides(const Instruction& i);    // a: of x, b: of y

// Axes, outermost first, without those of size 1 and with neighbours merged that both operands walk alike:
// most operations become one long run, or rows against a vector. There is always one, if of size 1.
struct Merged {
  int rank = 0;
  PerAxis sides{}, a{}, b{};
  int last() const { return rank - 1; }
};
Merged merge_axes(int rank, const int64_t* sides, const int64_t* a, const int64_t* b);
inline Merged merge_axes(const Tensor& y, const Strides& s) {
  return merge_axes(y.rank, y.dims, s.a.data(), s.b.data());
}

}  // namespace easel
