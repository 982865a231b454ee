// How a group normalisation goes over x (N, P, C): memory-bound, two passes over each picture, both along C
// with vectors of channels. A picture's pixels are cut into parts of a fixed size, so that sums do not depend
// on the number of threads; groups are joined afterwards, in double.
#pragma once
#include "../../executor/shapes/norm.h"
#include "../vectors/functions.h"

namespace easel {
inline namespace EASEL_ISA {
namespace group_norm_detail {

using namespace vectors;

constexpr int64_t kParts = 64;  // of a picture, at most
constexpr int64_t kRun = 32;    // pixels that are summed in registers before they join the rest

struct Sizes : GroupNormShape {
  Sizes(const GroupNormShape& s)
      : GroupNormShape(s), parts(std::max<int64_t>(1, std::min(kParts, s.P / kRun))) {}
  int64_t from(int64_t part) const { return P * part / parts; }
  int64_t parts;
};

// f(n, part, begin, end): pixels [begin, end) are that part of picture n.
template <typename F>
inline void each_part(const Sizes& z, const F& f) {
  parallel_for(z.N * z.parts, (1 << 14) / (z.P / z.parts * z.C + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t n = t / z.parts, part = t % z.parts;
      f(n, part, z.from(part), z.from(part + 1));
    }
  });
}

// f(first channel, vectors, part) for all of C channels, V vectors at a time as long as there are so many: a
// whole cache line of a row or more is read at once, and sums do not wait for each other.
template <int V, typename F>
inline __attribute__((always_inline)) void each_block(int64_t C, const F& f) {
  int64_t c = 0;
  for (; c + V * kLanes <= C; c += V * kLanes) f(c, std::integral_constant<int, V>(), Whole());
  each_vector(C - c, [&](int64_t k, auto part) { f(c + k, std::integral_constant<int, 1>(), part); });
}

// Adds the lanes of x to as many doubles.
inline void add_doubles(double* to, Vec x, int lanes) {
  float lane[kLanes];
  store(lane, x);
  for (int k = 0; k < lanes; ++k) to[k] += double(lane[k]);
}

// sums (parts, columns) become one row, the first.
inline void join_parts(double* sums, int64_t parts, int64_t columns) {
  for (int64_t p = 1; p < parts; ++p) {
    const double* more = sums + p * columns;
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) sums[c] += more[c];
  }
}

}  // namespace group_norm_detail
}  // namespace EASEL_ISA
}  // namespace easel
