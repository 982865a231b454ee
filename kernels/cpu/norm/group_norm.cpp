// groupNorm(x (N, ..., C), gamma, beta; groups, eps, silu) -> y, mean, rstd (N, groups).
#include "group_norm.h"

#include <cmath>

namespace easel {
namespace {

using namespace vectors;
using namespace group_norm_detail;

// For pixels [begin, end): sum[c] = those of x - shift[c], squares[c] of its squares. The shift (the first
// pixel) keeps the variance exact where the mean is large.
template <typename L, typename T = typename L::type>
EASEL_FLAT void channel_sums(double* sum, double* squares, const T* x, const T* shift, int64_t begin,
                             int64_t end, int64_t C) {
  std::fill_n(sum, C, 0.0);
  std::fill_n(squares, C, 0.0);
  for (int64_t from = begin; from < end; from += kRun) {
    const T *first = x + from * C, *last = x + std::min(from + kRun, end) * C, *next = last;
    each_block<4>(C, [=, &next](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      Vec k[V], d[V], s[V]{}, q[V]{};
      read<L>(k, shift + c, part);
      for (const T* row = first + c; row < last; row += C, next += V * kLanes) {
        fetch<V>(next);
        read<L>(d, row, part);
        for (int v = 0; v < V; ++v) {
          d[v] -= k[v];
          s[v] += d[v];
          q[v] += d[v] * d[v];
        }
      }
      for (int v = 0; v < V; ++v) {
        add_doubles(sum + c + v * kLanes, s[v], part);
        add_doubles(squares + c + v * kLanes, q[v], part);
      }
    });
  }
}

// Channels' sums (2, C) joined into the statistics of one group.
template <typename T>
void join(float* mean, float* rstd, const double* sums, const T* shift, const Sizes& z, int64_t g) {
  const int64_t c0 = g * z.width;
  const double P = double(z.P);
  double average = 0, squares = 0;
  for (int64_t c = c0; c < c0 + z.width; ++c) average += double(to_float(shift[c])) + sums[c] / P;
  average /= double(z.width);
  for (int64_t c = c0; c < c0 + z.width; ++c) {
    const double own = sums[c] / P, off = double(to_float(shift[c])) + own - average;
    squares += std::max(0.0, sums[z.C + c] - sums[c] * own) + P * off * off;
  }
  *mean = float(average);
  *rstd = float(1.0 / std::sqrt(squares / (P * double(z.width)) + double(z.eps)));
}

template <typename L, bool Silu, bool Past, typename T = typename L::type>
EASEL_FLAT void normalise(T* y, const T* x, const float* scale, const float* shift, int64_t pixels,
                          int64_t C) {
  for (int64_t p = 0; p < pixels; ++p, y += C, x += C)
    each_block<2>(C, [=](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      Vec value[V], a[V], b[V];
      fetch_ahead<V>(x + c);
      read<L>(value, x + c, part);
      read<Singles>(a, scale + c, part);
      read<Singles>(b, shift + c, part);
      for (int v = 0; v < V; ++v) {
        value[v] = value[v] * a[v] + b[v];
        if (Silu) value[v] = vectors::silu<T>(value[v]);
      }
      if constexpr (Past)
        write_past<L>(y + c, value, part);
      else
        write<L>(y + c, value, part);
    });
  if (Past) written();
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_group_norm(const Instruction& i) {
  const Sizes z = group_norm_shape(i);
  const Tensor& x = i.in(0);
  const Scratch sums = i.scratch(size_t(z.N * z.parts * 2 * z.C) * sizeof(double));  // (N, parts, 2, C)
  const Scratch lines = i.scratch(size_t(z.N * 2 * z.C) * sizeof(float));            // (N, 2, C)
  return with_lanes(i, x.dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    const bool past = goes_past(i.out(0).data, z.N * z.P, z.C * int64_t(sizeof(T)));
    const auto rows = past ? (z.silu ? normalise<L, true, true> : normalise<L, false, true>)
                           : (z.silu ? normalise<L, true, false> : normalise<L, false, false>);
    return [=, y = i.out(0).as<T>(), mean = i.out(1).as<float>(), rstd = i.out(2).as<float>(), q = x.as<T>(),
            gamma = i.in(1).as<T>(), beta = i.in(2).as<T>()] {
      double* s = sums.get<double>();
      float* line = lines.get<float>();
      each_part(z, [=](int64_t n, int64_t part, int64_t begin, int64_t end) {
        double* own = s + (n * z.parts + part) * 2 * z.C;
        const T* picture = q + n * z.P * z.C;
        channel_sums<L>(own, own + z.C, picture, picture, begin, end, z.C);
      });
      join_parts(s, z);
      for (int64_t n = 0; n < z.N; ++n) {
        const double* joined = s + n * z.parts * 2 * z.C;
        float *scale = line + n * 2 * z.C, *shift = scale + z.C;
        for (int64_t g = 0; g < z.G; ++g) {
          const int64_t at = n * z.G + g;
          join(mean + at, rstd + at, joined, q + n * z.P * z.C, z, g);
          for (int64_t c = g * z.width; c < (g + 1) * z.width; ++c) {
            scale[c] = rstd[at] * to_float(gamma[c]);
            shift[c] = to_float(beta[c]) - mean[at] * scale[c];
          }
        }
      }
      each_part<true>(z, [=](int64_t n, int64_t, int64_t begin, int64_t end) {
        const int64_t at = (n * z.P + begin) * z.C;
        const float* scale = line + n * 2 * z.C;
        rows(y + at, q + at, scale, scale + z.C, end - begin, z.C);
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
