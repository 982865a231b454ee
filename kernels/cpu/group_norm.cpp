// groupNorm(x (N, ..., C), gamma, beta; groups, eps, silu) -> y, mean, rstd (N, groups), and its gradients.
// Memory-bound: one pass for statistics, one to normalise. Channels-last: both passes run along C with one
// accumulator a channel; groups are joined afterwards in double. Parts of a fixed size make the result
// independent of the number of threads.
#include <cmath>

#include "../executor/shapes/norm.h"
#include "kernel.h"

namespace easel {
namespace {

constexpr int64_t kChunks = 64;     // a picture is cut into at most so many parts
constexpr int64_t kChannels = 512;  // channels that a block of sums holds on the stack

// A picture's pixels are cut into `parts`.
struct Sizes : GroupNormShape {
  Sizes(const GroupNormShape& s)
      : GroupNormShape(s), parts(std::max<int64_t>(1, std::min(kChunks, s.P / 32))) {}
  int64_t from(int64_t part) const { return P * part / parts; }
  int64_t parts;
};

// For pixels [begin, end) and channels [c0, c0 + n): sum[c] += x - shift[c], squares[c] += (x - shift[c])^2.
// The shift (the first pixel) keeps the variance exact where the mean is large. 32 pixels at a time in float,
// then double.
template <typename T>
void channel_sums(double* sum, double* squares, const T* x, const T* shift, int64_t begin, int64_t end,
                  int64_t C, int64_t n) {
  float s[kChannels], q[kChannels], k[kChannels];
  for (int64_t c = 0; c < n; ++c) k[c] = to_float(shift[c]);
  std::fill_n(sum, n, 0.0);
  std::fill_n(squares, n, 0.0);
  for (int64_t p0 = begin; p0 < end; p0 += 32) {
    std::fill_n(s, n, 0.0f);
    std::fill_n(q, n, 0.0f);
    for (int64_t p = p0; p < std::min(p0 + 32, end); ++p) {
      const T* row = x + p * C;
#pragma omp simd
      for (int64_t c = 0; c < n; ++c) {
        const float d = to_float(row[c]) - k[c];
        s[c] += d;
        q[c] += d * d;
      }
    }
#pragma omp simd
    for (int64_t c = 0; c < n; ++c) {
      sum[c] += double(s[c]);
      squares[c] += double(q[c]);
    }
  }
}

// Channels' sums of (N, parts, 2, C) joined into the statistics of one group of picture n.
template <typename T>
void join(float* mean, float* rstd, const double* sums, const T* shift, const Sizes& z, int64_t g) {
  const int64_t c0 = g * z.width;
  const double P = double(z.P);
  double average = 0, squares = 0;
  for (int64_t c = c0; c < c0 + z.width; ++c) {
    double s = 0;
    for (int64_t p = 0; p < z.parts; ++p) s += sums[p * 2 * z.C + c];
    average += double(to_float(shift[c])) + s / P;
  }
  average /= double(z.width);
  for (int64_t c = c0; c < c0 + z.width; ++c) {
    double s = 0, q = 0;
    for (int64_t p = 0; p < z.parts; ++p) {
      s += sums[p * 2 * z.C + c];
      q += sums[(p * 2 + 1) * z.C + c];
    }
    const double own = s / P, off = double(to_float(shift[c])) + own - average;
    squares += std::max(0.0, q - s * own) + P * off * off;
  }
  *mean = float(average);
  *rstd = float(1.0 / std::sqrt(squares / (P * double(z.width)) + double(z.eps)));
}

template <bool Silu, typename T>
void normalise(T* y, const T* x, const float* scale, const float* shift, int64_t pixels, int64_t C) {
  for (int64_t p = 0; p < pixels; ++p, y += C, x += C) {
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
      const float v = to_float(x[c]) * scale[c] + shift[c];
      y[c] = from_float<T>(Silu ? silu(v) : v);
    }
  }
}

// What the gradients need of one channel: xhat = x * rstd - mean * rstd, z = xhat * gamma + beta.
struct Channels {
  float *rstd, *offset, *gamma, *beta;  // (C) each
};

template <typename T>
Channels spread(float* at, const Sizes& z, int64_t n, const float* mean, const float* rstd, const T* gamma,
                const T* beta) {
  const Channels k{at, at + z.C, at + 2 * z.C, at + 3 * z.C};
  for (int64_t c = 0; c < z.C; ++c) {
    const int64_t g = n * z.G + c / z.width;
    k.rstd[c] = rstd[g];
    k.offset[c] = -mean[g] * rstd[g];
    k.gamma[c] = to_float(gamma[c]);
    k.beta[c] = to_float(beta[c]);
  }
  return k;
}

// a[c] = sum of d, b[c] = sum of d * xhat over pixels [begin, end), where d is the gradient before the SiLU.
template <bool Silu, typename T>
void gradient_sums(float* a, float* b, const T* dy, const T* x, const Channels& k, int64_t begin, int64_t end,
                   int64_t C) {
  std::fill_n(a, C, 0.0f);
  std::fill_n(b, C, 0.0f);
  const float *rstd = k.rstd, *offset = k.offset, *gamma = k.gamma, *beta = k.beta;
  for (int64_t p = begin; p < end; ++p) {
    const T *dr = dy + p * C, *xr = x + p * C;
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
      const float xhat = to_float(xr[c]) * rstd[c] + offset[c];
      float d = to_float(dr[c]);
      if (Silu) d *= silu_slope(xhat * gamma[c] + beta[c]);
      a[c] += d;
      b[c] += d * xhat;
    }
  }
}

// dx = rstd (d gamma - mean(d gamma) - xhat mean(d gamma xhat)), as d * rstd gamma - (xhat * v + u); +
// residual
template <bool Silu, bool Adds, typename T>
void gradient(T* dx, const T* dy, const T* x, const Channels& k, const float* u, const float* v,
              const T* residual, int64_t begin, int64_t end, int64_t C) {
  const float *rstd = k.rstd, *offset = k.offset, *gamma = k.gamma, *beta = k.beta;
  for (int64_t p = begin; p < end; ++p) {
    const T *dr = dy + p * C, *xr = x + p * C, *more = Adds ? residual + p * C : nullptr;
    T* out = dx + p * C;
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
      const float xhat = to_float(xr[c]) * rstd[c] + offset[c];
      float d = to_float(dr[c]);
      if (Silu) d *= silu_slope(xhat * gamma[c] + beta[c]);
      const float value = d * gamma[c] * rstd[c] - (xhat * v[c] + u[c]);
      out[c] = from_float<T>(Adds ? value + to_float(more[c]) : value);
    }
  }
}

// The operands of both gradients.
template <typename T>
struct Backward {
  Sizes z;
  const T *dy, *x, *gamma, *beta;
  const float *mean, *rstd;
  Scratch channels, partials;  // (threads, 4, C) and (N, parts, 2, C)
  int threads;

  // Leaves the sums of gradient_sums in partials.
  void sums() const {
    parallel_for(z.N * z.parts, (1 << 14) / (z.P / z.parts * z.C + 1) + 1, [&](int64_t begin, int64_t end) {
      float* own = channels.template get<float>() + omp_get_thread_num() * 4 * z.C;
      int64_t spread_for = -1;
      Channels k{};
      for (int64_t t = begin; t < end; ++t) {
        const int64_t n = t / z.parts, p = t % z.parts;
        if (n != spread_for) k = spread(own, z, spread_for = n, mean, rstd, gamma, beta);
        float* a = partials.template get<float>() + t * 2 * z.C;
        (z.silu ? gradient_sums<true, T> : gradient_sums<false, T>)(a, a + z.C, dy + n * z.P * z.C,
                                                                    x + n * z.P * z.C, k, z.from(p),
                                                                    z.from(p + 1), z.C);
      }
    });
  }
};

template <typename T>
Backward<T> backward(const Instruction& i, const Sizes& z) {
  const Tensor &dy = i.in(0), &x = i.in(1);
  return {z,
          dy.as<T>(),
          x.as<T>(),
          i.in(2).as<T>(),
          i.in(3).as<T>(),
          i.in(4).as<float>(),
          i.in(5).as<float>(),
          i.scratch(size_t(i.threads() * 4 * z.C) * sizeof(float)),
          i.scratch(size_t(z.N * z.parts * 2 * z.C) * sizeof(float)),
          i.threads()};
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_group_norm(const Instruction& i) {
  const Sizes z = group_norm_shape(i);
  const Tensor& x = i.in(0);
  const Scratch sums = i.scratch(size_t(z.N * z.parts * 2 * z.C) * sizeof(double));  // (N, parts, 2, C)
  const Scratch lines = i.scratch(size_t(z.N * 2 * z.C) * sizeof(float));            // (N, 2, C)
  return dispatch(i, x.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, y = i.out(0).as<T>(), mean = i.out(1).as<float>(), rstd = i.out(2).as<float>(), q = x.as<T>(),
            gamma = i.in(1).as<T>(), beta = i.in(2).as<T>()] {
      double* s = sums.get<double>();
      float* line = lines.get<float>();
      const int64_t grain = (1 << 14) / (z.P / z.parts * z.C + 1) + 1;
      parallel_for(z.N * z.parts, grain, [=](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const int64_t n = t / z.parts, p = t % z.parts;
          const T* picture = q + n * z.P * z.C;
          for (int64_t c = 0; c < z.C; c += kChannels)
            channel_sums(s + t * 2 * z.C + c, s + (t * 2 + 1) * z.C + c, picture + c, picture + c, z.from(p),
                         z.from(p + 1), z.C, std::min(kChannels, z.C - c));
        }
      });
      for (int64_t n = 0; n < z.N; ++n) {
        for (int64_t g = 0; g < z.G; ++g) {
          const int64_t at = n * z.G + g;
          join(mean + at, rstd + at, s + n * z.parts * 2 * z.C, q + n * z.P * z.C, z, g);
          float *scale = line + n * 2 * z.C, *shift = scale + z.C;
          for (int64_t c = g * z.width; c < (g + 1) * z.width; ++c) {
            scale[c] = rstd[at] * to_float(gamma[c]);
            shift[c] = to_float(beta[c]) - mean[at] * scale[c];
          }
        }
      }
      parallel_for(z.N * z.parts, grain, [=](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          const int64_t n = t / z.parts, from = z.from(t % z.parts), to = z.from(t % z.parts + 1);
          const int64_t at = (n * z.P + from) * z.C;
          const float* scale = line + n * 2 * z.C;
          (z.silu ? normalise<true, T> : normalise<false, T>)(y + at, q + at, scale, scale + z.C, to - from,
                                                              z.C);
        }
      });
    };
  });
}

// groupNormBackward(dy, x, gamma, beta, mean, rstd[, residual]) -> dx
Run prepare_group_norm_backward(const Instruction& i) {
  const Sizes z = group_norm_backward_shape(i);
  const Tensor* residual = norm_residual(i, 6);
  return dispatch(i, i.in(1).dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const T* added = residual ? residual->as<T>() : nullptr;
    const auto rows = z.silu ? (added ? gradient<true, true, T> : gradient<true, false, T>)
                             : (added ? gradient<false, true, T> : gradient<false, false, T>);
    const Backward<T> b = backward<T>(i, z);
    const Scratch terms = i.scratch(size_t(b.z.N * 2 * b.z.C) * sizeof(float));  // u and v of each channel
    return [=, dx = i.out(0).as<T>()] {
      const Sizes& z = b.z;
      b.sums();
      const float* partial = b.partials.template get<float>();
      float* term = terms.get<float>();
      for (int64_t n = 0; n < z.N; ++n) {
        for (int64_t g = 0; g < z.G; ++g) {
          double u = 0, v = 0;
          for (int64_t c = g * z.width; c < (g + 1) * z.width; ++c) {
            double s = 0, t = 0;
            for (int64_t p = n * z.parts; p < (n + 1) * z.parts; ++p) {
              s += double(partial[p * 2 * z.C + c]);
              t += double(partial[(p * 2 + 1) * z.C + c]);
            }
            u += s * double(to_float(b.gamma[c]));
            v += t * double(to_float(b.gamma[c]));
          }
          const double scale = double(b.rstd[n * z.G + g]) / (double(z.P) * double(z.width));
          std::fill_n(term + n * 2 * z.C + g * z.width, z.width, float(u * scale));
          std::fill_n(term + (n * 2 + 1) * z.C + g * z.width, z.width, float(v * scale));
        }
      }
      parallel_for(z.N * z.parts, (1 << 14) / (z.P / z.parts * z.C + 1) + 1, [&](int64_t begin, int64_t end) {
        float* own = b.channels.template get<float>() + omp_get_thread_num() * 4 * z.C;
        int64_t spread_for = -1;
        Channels k{};
        for (int64_t t = begin; t < end; ++t) {
          const int64_t n = t / z.parts, p = t % z.parts, at = n * z.P * z.C;
          if (n != spread_for) k = spread(own, z, spread_for = n, b.mean, b.rstd, b.gamma, b.beta);
          const float* u = term + n * 2 * z.C;
          rows(dx + at, b.dy + at, b.x + at, k, u, u + z.C, added ? added + at : added, z.from(p),
               z.from(p + 1), z.C);
        }
      });
    };
  });
}

// groupNormBackwardParams(dy, x, gamma, beta, mean, rstd) -> dgamma, dbeta (C)
Run prepare_group_norm_backward_params(const Instruction& i) {
  const Sizes z = group_norm_backward_params_shape(i);
  return dispatch(i, i.in(1).dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const Backward<T> b = backward<T>(i, z);
    return [=, dgamma = i.out(0).as<T>(), dbeta = i.out(1).as<T>()] {
      b.sums();
      const float* partial = b.partials.template get<float>();
      for (int64_t c = 0; c < b.z.C; ++c) {
        double s = 0, t = 0;
        for (int64_t p = 0; p < b.z.N * b.z.parts; ++p) {
          s += double(partial[p * 2 * b.z.C + c]);
          t += double(partial[(p * 2 + 1) * b.z.C + c]);
        }
        dgamma[c] = from_float<T>(float(t));
        dbeta[c] = from_float<T>(float(s));
      }
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
