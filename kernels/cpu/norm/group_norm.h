// How a group normalisation goes over x (N, P, C): memory-bound, two passes over each picture, both along C
// with vectors of channels. A picture's pixels are cut into parts of a fixed size, so that sums do not depend
// on the number of threads; groups are joined afterwards, in double.
#pragma once
#include "../../executor/shapes/norm.h"
#include "../vectors/functions.h"
#include "../vectors/streams.h"

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

// f(n, part, begin, end): pixels [begin, end) are that part of picture n. A second pass goes backwards: what
// the first has read last still lies in the caches.
template <bool Backwards = false, typename F>
inline void each_part(const Sizes& z, const F& f) {
  parallel_for(z.N * z.parts, (1 << 14) / (z.P / z.parts * z.C + 1) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t t = Backwards ? begin + end - 1 - k : k, n = t / z.parts, part = t % z.parts;
      f(n, part, z.from(part), z.from(part + 1));
    }
  });
}

// Adds the lanes of x to as many doubles.
inline void add_doubles(double* to, Vec x, Whole) {
#if defined(__AVX512F__)
  const __m512 lane = (__m512)x;
  const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(lane), 1));
  _mm512_storeu_pd(to, _mm512_loadu_pd(to) + _mm512_cvtps_pd(_mm512_castps512_ps256(lane)));
  _mm512_storeu_pd(to + 8, _mm512_loadu_pd(to + 8) + _mm512_cvtps_pd(upper));
#else
  for (int k = 0; k < kLanes; ++k) to[k] += double(x[k]);
#endif
}
inline void add_doubles(double* to, Vec x, Part part) {
  for (int k = 0; k < part.lanes; ++k) to[k] += double(x[k]);
}

// Each picture's sums (parts, 2, C) become one row, the first. They come from every core's cache, so all of
// them fetch.
inline void join_parts(double* sums, const Sizes& z) {
  const int64_t columns = 2 * z.C;
  parallel_for(z.N * columns, (1 << 14) / z.parts, [=](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t n = begin / columns, first = begin % columns;
      const int64_t count = std::min(columns - first, end - begin);
      double* to = sums + n * z.parts * columns + first;
      for (int64_t p = 1; p < z.parts; ++p) {
        const double* more = to + p * columns;
#pragma omp simd
        for (int64_t c = 0; c < count; ++c) to[c] += more[c];
      }
      begin += count;
    }
  });
}

}  // namespace group_norm_detail
}  // namespace EASEL_ISA
}  // namespace easel
