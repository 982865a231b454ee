// groupNormBackward(dy, x, gamma, beta, mean, rstd[, residual]) -> dx, and groupNormBackwardParams(dy, x,
// gamma, beta, mean, rstd) -> dgamma, dbeta. With SiLU its slope takes as long as memory, twice.
#include "group_norm.h"

namespace easel {
namespace {

using namespace vectors;
using namespace group_norm_detail;

// Of each channel of a picture, (C) each, one behind the other: xhat = x * rstd + offset, the norm's result
// z = x * scale + shift, and for dx what is subtracted, x * slope + base.
enum { RSTD, OFFSET, SCALE, SHIFT, SLOPE, BASE, LINES };

// d, the gradient before the SiLU.
template <typename T, bool Silu>
inline Vec before_silu(Vec dy, Vec x, Vec scale, Vec shift) {
  return Silu ? dy * vectors::silu_slope<T>(x * scale + shift) : dy;
}

// a (2, C) = sums of d and of d * xhat over pixels [begin, end).
template <typename L, bool Silu, typename T = typename L::type>
EASEL_FLAT void sums(double* a, const T* dy, const T* x, const float* lines, int64_t begin, int64_t end,
                     int64_t C) {
  std::fill_n(a, 2 * C, 0.0);
  for (int64_t from = begin; from < end; from += kRun) {
    const int64_t first = from * C, last = std::min(from + kRun, end) * C;
    int64_t next = last;
    each_block<2>(C, [=, &next](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      Vec rstd[V], offset[V], scale[V], shift[V], q[V], d[V], s[V]{}, t[V]{};
      read<Singles>(rstd, lines + RSTD * C + c, part);
      read<Singles>(offset, lines + OFFSET * C + c, part);
      read<Singles>(scale, lines + SCALE * C + c, part);
      read<Singles>(shift, lines + SHIFT * C + c, part);
      for (int64_t row = first + c; row < last; row += C, next += V * kLanes) {
        fetch<V>(x + next);
        fetch<V>(dy + next);
        read<L>(q, x + row, part);
        read<L>(d, dy + row, part);
        for (int v = 0; v < V; ++v) {
          const Vec before = before_silu<T, Silu>(d[v], q[v], scale[v], shift[v]);
          s[v] += before;
          t[v] += before * (q[v] * rstd[v] + offset[v]);
        }
      }
      for (int v = 0; v < V; ++v) {
        add_doubles(a + c + v * kLanes, s[v], part);
        add_doubles(a + C + c + v * kLanes, t[v], part);
      }
    });
  }
}

// dx = rstd (d gamma - mean(d gamma) - xhat mean(d gamma xhat)) + residual
template <typename L, bool Silu, bool Adds, typename T = typename L::type>
EASEL_FLAT void gradient(T* dx, const T* dy, const T* x, const float* lines, const T* residual, int64_t begin,
                         int64_t end, int64_t C) {
  for (int64_t p = begin; p < end; ++p)
    each_block<2>(C, [=](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      const int64_t at = p * C + c;
      Vec q[V], d[V], more[V]{}, scale[V], shift[V], slope[V], base[V];
      fetch_ahead<V>(x + at);
      fetch_ahead<V>(dy + at);
      if (Adds) fetch_ahead<V>(residual + at);
      read<L>(q, x + at, part);
      read<L>(d, dy + at, part);
      if (Adds) read<L>(more, residual + at, part);
      read<Singles>(scale, lines + SCALE * C + c, part);
      read<Singles>(shift, lines + SHIFT * C + c, part);
      read<Singles>(slope, lines + SLOPE * C + c, part);
      read<Singles>(base, lines + BASE * C + c, part);
      for (int v = 0; v < V; ++v) {
        d[v] = before_silu<T, Silu>(d[v], q[v], scale[v], shift[v]);
        d[v] = d[v] * scale[v] - (q[v] * slope[v] + base[v]);
        if (Adds) d[v] += more[v];
      }
      write<L>(dx + at, d, part);
    });
}

// The operands of both gradients.
template <typename L, typename T = typename L::type>
struct Backward {
  Sizes z;
  const T *dy, *x, *gamma, *beta;
  const float *mean, *rstd;
  Scratch lines, partials;  // (N, LINES, C) and (N, parts, 2, C)

  float* lines_of(int64_t n) const { return lines.get<float>() + n * LINES * z.C; }
  double* sums_of(int64_t n) const { return partials.get<double>() + n * z.parts * 2 * z.C; }

  // Leaves the lines but for SLOPE and BASE, and each picture's sums.
  void sum() const {
    for (int64_t n = 0; n < z.N; ++n) {
      float* line = lines_of(n);
      for (int64_t c = 0; c < z.C; ++c, ++line) {
        const int64_t g = n * z.G + c / z.width;
        line[RSTD * z.C] = rstd[g];
        line[OFFSET * z.C] = -mean[g] * rstd[g];
        line[SCALE * z.C] = rstd[g] * to_float(gamma[c]);
        line[SHIFT * z.C] = to_float(beta[c]) - mean[g] * line[SCALE * z.C];
      }
    }
    const auto rows = z.silu ? sums<L, true> : sums<L, false>;
    each_part(z, [this, rows](int64_t n, int64_t part, int64_t begin, int64_t end) {
      const int64_t at = n * z.P * z.C;
      rows(sums_of(n) + part * 2 * z.C, dy + at, x + at, lines_of(n), begin, end, z.C);
    });
    join_parts(sums_of(0), z);
  }

  // SLOPE and BASE of picture n: rstd mean(d gamma xhat) * rstd, and what is left for x = 0.
  void terms(int64_t n) const {
    float* line = lines_of(n);
    const double* sum = sums_of(n);
    for (int64_t g = 0; g < z.G; ++g) {
      double u = 0, v = 0;
      for (int64_t c = g * z.width; c < (g + 1) * z.width; ++c) {
        u += sum[c] * double(to_float(gamma[c]));
        v += sum[z.C + c] * double(to_float(gamma[c]));
      }
      const double r = double(rstd[n * z.G + g]), scale = r / (double(z.P) * double(z.width));
      const double slope = v * scale * r, base = u * scale - double(mean[n * z.G + g]) * slope;
      std::fill_n(line + SLOPE * z.C + g * z.width, z.width, float(slope));
      std::fill_n(line + BASE * z.C + g * z.width, z.width, float(base));
    }
  }
};

template <typename L, typename T = typename L::type>
Backward<L> backward(const Instruction& i, const Sizes& z) {
  return {z,
          i.in(0).as<T>(),
          i.in(1).as<T>(),
          i.in(2).as<T>(),
          i.in(3).as<T>(),
          i.in(4).as<float>(),
          i.in(5).as<float>(),
          i.scratch(size_t(z.N * LINES * z.C) * sizeof(float)),
          i.scratch(size_t(z.N * z.parts * 2 * z.C) * sizeof(double))};
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_group_norm_backward(const Instruction& i) {
  const Sizes z = group_norm_backward_shape(i);
  const Tensor* residual = norm_residual(i, 6);
  return with_lanes(i, i.in(1).dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    const T* added = residual ? residual->as<T>() : nullptr;
    const auto rows = z.silu ? (added ? gradient<L, true, true> : gradient<L, true, false>)
                             : (added ? gradient<L, false, true> : gradient<L, false, false>);
    return [=, b = backward<L>(i, z), dx = i.out(0).as<T>()] {
      b.sum();
      for (int64_t n = 0; n < z.N; ++n) b.terms(n);
      each_part<true>(z, [&](int64_t n, int64_t, int64_t begin, int64_t end) {
        const int64_t at = n * z.P * z.C;
        rows(dx + at, b.dy + at, b.x + at, b.lines_of(n), added ? added + at : added, begin, end, z.C);
      });
    };
  });
}

Run prepare_group_norm_backward_params(const Instruction& i) {
  const Sizes z = group_norm_backward_params_shape(i);
  return with_lanes(i, i.in(1).dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    return [=, b = backward<L>(i, z), dgamma = i.out(0).as<T>(), dbeta = i.out(1).as<T>()] {
      b.sum();
      for (int64_t n = 1; n < z.N; ++n)
        for (int64_t c = 0; c < 2 * z.C; ++c) b.sums_of(0)[c] += b.sums_of(n)[c];
      for (int64_t c = 0; c < z.C; ++c) {
        dgamma[c] = from_float<T>(float(b.sums_of(0)[z.C + c]));
        dbeta[c] = from_float<T>(float(b.sums_of(0)[c]));
      }
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
