// layerNorm(x (M, C), gamma, beta; eps) -> y, mean, rstd (M), and its gradients. Memory-bound: a row stays in
// the first cache, so its statistics take two exact passes.
#include <cmath>

#include "../executor/shapes/norm.h"
#include "kernel.h"

namespace easel {
namespace {

constexpr int64_t kChunks = 64;  // parameter gradients: rows are cut into at most so many parts

template <typename T>
void row_forward(T* y, float* mean, float* rstd, const T* x, const T* gamma, const T* beta, int64_t C,
                 float eps) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < C; ++c) sum += to_float(x[c]);
  const float m = sum / float(C);
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t c = 0; c < C; ++c) squares += (to_float(x[c]) - m) * (to_float(x[c]) - m);
  const float r = 1.0f / std::sqrt(squares / float(C) + eps);
#pragma omp simd
  for (int64_t c = 0; c < C; ++c)
    y[c] = from_float<T>((to_float(x[c]) - m) * r * to_float(gamma[c]) + to_float(beta[c]));
  *mean = m;
  *rstd = r;
}

// dx = rstd (g - mean(g) - xhat mean(g xhat)) + residual, g = dy gamma
template <bool ADDS, typename T>
void row_backward(T* dx, const T* dy, const T* x, const T* gamma, const T* residual, float mean, float rstd,
                  int64_t C) {
  float g_sum = 0, gx_sum = 0;
#pragma omp simd reduction(+ : g_sum, gx_sum)
  for (int64_t c = 0; c < C; ++c) {
    const float g = to_float(dy[c]) * to_float(gamma[c]);
    g_sum += g;
    gx_sum += g * (to_float(x[c]) - mean) * rstd;
  }
  const float a = g_sum / float(C), b = gx_sum / float(C);
#pragma omp simd
  for (int64_t c = 0; c < C; ++c) {
    const float g = to_float(dy[c]) * to_float(gamma[c]), xhat = (to_float(x[c]) - mean) * rstd;
    dx[c] = from_float<T>(rstd * (g - a - xhat * b) + (ADDS ? to_float(residual[c]) : 0.0f));
  }
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_layer_norm(const Instruction& i) {
  const auto [M, C] = layer_norm_shape(i);
  const Tensor& x = i.in(0);
  const float eps = float(i.attr(ATTR_LAYER_NORM_EPS));
  return dispatch(i, x.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, y = i.out(0).as<T>(), mean = i.out(1).as<float>(), rstd = i.out(2).as<float>(), q = x.as<T>(),
            gamma = i.in(1).as<T>(), beta = i.in(2).as<T>()] {
      parallel_for(M, (1 << 13) / C + 1, [=](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m)
          row_forward(y + m * C, mean + m, rstd + m, q + m * C, gamma, beta, C, eps);
      });
    };
  });
}

// layerNormBackward(dy, x, gamma, mean, rstd[, residual]) -> dx
Run prepare_layer_norm_backward(const Instruction& i) {
  const auto [M, C] = layer_norm_backward_shape(i);
  const Tensor &dy = i.in(0), &x = i.in(1);
  const Tensor* residual = norm_residual(i, 5);
  return dispatch(i, x.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, dx = i.out(0).as<T>(), d = dy.as<T>(), q = x.as<T>(), gamma = i.in(2).as<T>(),
            mean = i.in(3).as<float>(), rstd = i.in(4).as<float>(),
            more = residual ? residual->as<T>() : nullptr] {
      parallel_for(M, (1 << 13) / C + 1, [=](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m) {
          const int64_t at = m * C;
          if (more)
            row_backward<true>(dx + at, d + at, q + at, gamma, more + at, mean[m], rstd[m], C);
          else
            row_backward<false>(dx + at, d + at, q + at, gamma, more, mean[m], rstd[m], C);
        }
      });
    };
  });
}

// layerNormBackwardParams(dy, x, gamma, mean, rstd) -> dgamma = sum(dy xhat), dbeta = sum(dy), over the rows
Run prepare_layer_norm_backward_params(const Instruction& i) {
  const auto [M, C] = layer_norm_backward_params_shape(i);
  const Tensor &dy = i.in(0), &x = i.in(1);
  const int64_t parts = std::max<int64_t>(1, std::min(kChunks, M / 16));
  const Scratch partials = i.scratch(size_t(parts * 2 * C) * sizeof(float));
  return dispatch(i, x.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    return [=, dgamma = i.out(0).as<T>(), dbeta = i.out(1).as<T>(), d = dy.as<T>(), q = x.as<T>(),
            mean = i.in(3).as<float>(), rstd = i.in(4).as<float>()] {
      float* partial = partials.get<float>();  // (parts, 2, C)
      parallel_for(parts, (1 << 14) / (M / parts * C + 1) + 1, [=](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          float *a = partial + p * 2 * C, *b = a + C;
          std::fill_n(a, 2 * C, 0.0f);
          for (int64_t m = M * p / parts; m < M * (p + 1) / parts; ++m) {
            const float mu = mean[m], r = rstd[m];
            const T *dr = d + m * C, *xr = q + m * C;
#pragma omp simd
            for (int64_t c = 0; c < C; ++c) {
              a[c] += to_float(dr[c]) * (to_float(xr[c]) - mu) * r;
              b[c] += to_float(dr[c]);
            }
          }
        }
      });
      for (int64_t c = 0; c < C; ++c) {
        double a = 0, b = 0;
        for (int64_t p = 0; p < parts; ++p) {
          a += double(partial[p * 2 * C + c]);
          b += double(partial[(p * 2 + 1) * C + c]);
        }
        dgamma[c] = from_float<T>(float(a));
        dbeta[c] = from_float<T>(float(b));
      }
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
