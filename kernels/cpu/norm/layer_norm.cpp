// layerNorm(x (M, C), gamma, beta; eps) -> y, mean, rstd (M), and its gradients. Memory-bound: a row stays in
// the first cache, so its statistics take two exact passes.
#include <cmath>

#include "../../executor/shapes/norm.h"
#include "../vectors/streams.h"

namespace easel {
namespace {

using namespace vectors;

constexpr int64_t kChunks = 64;  // parameter gradients: rows are cut into at most so many parts

// So many rows at a time: gamma is widened once for all, and their sums do not wait for each other.
constexpr int kRows = 4;

// The sum of all lanes: halves are added until one lane is left.
template <typename V, int... L>
inline float total(V x, std::integer_sequence<int, L...>) {
  constexpr int kHalf = sizeof...(L);
  const auto sum = __builtin_shufflevector(x, x, L...) + __builtin_shufflevector(x, x, (L + kHalf)...);
  if constexpr (kHalf == 1)
    return sum[0];
  else
    return total(sum, std::make_integer_sequence<int, kHalf / 2>());
}
inline float total(Vec x) { return total(x, std::make_integer_sequence<int, kLanes / 2>()); }

// Lanes behind a row's end as 0.
inline Vec kept(Vec x, Whole) { return x; }
inline Vec kept(Vec x, Part part) {
  for (int k = part.lanes; k < kLanes; ++k) x[k] = 0;
  return x;
}

template <typename L, int R, typename T = typename L::type>
EASEL_FLAT void forward(T* y, float* mean, float* rstd, const T* x, const T* gamma, const T* beta, int64_t C,
                        float eps) {
  Vec sum[R]{}, squares[R]{};
  each_block<2>(C, [&](int64_t c, auto vectors, auto part) {
    constexpr int V = vectors();
    for (int r = 0; r < R; ++r) {
      Vec q[V];
      fetch<V>(x + (R + r) * C + c);
      read<L>(q, x + r * C + c, part);
      for (int v = 0; v < V; ++v) sum[r] += q[v];
    }
  });
  for (int r = 0; r < R; ++r) mean[r] = total(sum[r]) / float(C);
  each_block<2>(C, [&](int64_t c, auto vectors, auto part) {
    constexpr int V = vectors();
    for (int r = 0; r < R; ++r) {
      Vec q[V];
      read<L>(q, x + r * C + c, part);
      for (int v = 0; v < V; ++v) {
        const Vec d = kept(q[v] - mean[r], part);
        squares[r] += d * d;
      }
    }
  });
  for (int r = 0; r < R; ++r) rstd[r] = 1.0f / std::sqrt(total(squares[r]) / float(C) + eps);
  each_block<2>(C, [&](int64_t c, auto vectors, auto part) {
    constexpr int V = vectors();
    Vec scale[V], shift[V];
    read<L>(scale, gamma + c, part);
    read<L>(shift, beta + c, part);
    for (int r = 0; r < R; ++r) {
      Vec q[V];
      read<L>(q, x + r * C + c, part);
      for (int v = 0; v < V; ++v) q[v] = (q[v] - mean[r]) * rstd[r] * scale[v] + shift[v];
      write<L>(y + r * C + c, q, part);
    }
  });
}

// dx = rstd (g - mean(g) - xhat mean(g xhat)) + residual, g = dy gamma
template <typename L, int R, typename T = typename L::type>
EASEL_FLAT void backward(T* dx, const T* dy, const T* x, const T* gamma, const T* residual, const float* mean,
                         const float* rstd, int64_t C) {
  Vec sum[R]{}, product[R]{};
  each_block<2>(C, [&](int64_t c, auto vectors, auto part) {
    constexpr int V = vectors();
    Vec scale[V];
    read<L>(scale, gamma + c, part);
    for (int r = 0; r < R; ++r) {
      const int64_t next = (R + r) * C + c;
      Vec d[V], q[V];
      fetch<V>(dy + next);
      fetch<V>(x + next);
      if (residual) fetch<V>(residual + next);
      read<L>(d, dy + r * C + c, part);
      read<L>(q, x + r * C + c, part);
      for (int v = 0; v < V; ++v) {
        const Vec g = d[v] * scale[v];
        sum[r] += g;
        product[r] += g * (q[v] - mean[r]);
      }
    }
  });
  // rstd (g - a - xhat b) as rstd g - (x - mean) v - u
  float u[R], v[R];
  for (int r = 0; r < R; ++r) {
    u[r] = total(sum[r]) / float(C) * rstd[r];
    v[r] = total(product[r]) * rstd[r] / float(C) * rstd[r] * rstd[r];
  }
  each_block<2>(C, [&](int64_t c, auto vectors, auto part) {
    constexpr int V = vectors();
    Vec scale[V];
    read<L>(scale, gamma + c, part);
    for (int r = 0; r < R; ++r) {
      const int64_t at = r * C + c;
      Vec d[V], q[V], more[V]{};
      read<L>(d, dy + at, part);
      read<L>(q, x + at, part);
      if (residual) read<L>(more, residual + at, part);
      for (int k = 0; k < V; ++k) {
        d[k] = d[k] * scale[k] * rstd[r] - (q[k] - mean[r]) * v[r] - u[r];
        if (residual) d[k] += more[k];
      }
      write<L>(dx + at, d, part);
    }
  });
}

// f(row, rows) for all of M rows, kRows at a time but for the last, whatever the number of threads.
template <typename F>
void by_rows(int64_t M, int64_t C, const F& f) {
  parallel_for((M + kRows - 1) / kRows, (1 << 11) / C + 1, [=](int64_t begin, int64_t end) {
    int64_t m = begin * kRows;
    for (; m + kRows <= std::min(end * kRows, M); m += kRows) f(m, std::integral_constant<int, kRows>());
    for (; m < std::min(end * kRows, M); ++m) f(m, std::integral_constant<int, 1>());
  });
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_layer_norm(const Instruction& i) {
  const auto [M, C] = layer_norm_shape(i);
  const Tensor& x = i.in(0);
  const float eps = float(i.attr(ATTR_LAYER_NORM_EPS));
  return with_lanes(i, x.dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    return [=, y = i.out(0).as<T>(), mean = i.out(1).as<float>(), rstd = i.out(2).as<float>(), q = x.as<T>(),
            gamma = i.in(1).as<T>(), beta = i.in(2).as<T>()] {
      by_rows(M, C, [=](int64_t m, auto rows) {
        forward<L, rows()>(y + m * C, mean + m, rstd + m, q + m * C, gamma, beta, C, eps);
      });
    };
  });
}

// layerNormBackward(dy, x, gamma, mean, rstd[, residual]) -> dx
Run prepare_layer_norm_backward(const Instruction& i) {
  const auto [M, C] = layer_norm_backward_shape(i);
  const Tensor &dy = i.in(0), &x = i.in(1);
  const Tensor* residual = norm_residual(i, 5);
  return with_lanes(i, x.dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    return [=, dx = i.out(0).as<T>(), d = dy.as<T>(), q = x.as<T>(), gamma = i.in(2).as<T>(),
            mean = i.in(3).as<float>(), rstd = i.in(4).as<float>(),
            more = residual ? residual->as<T>() : nullptr] {
      by_rows(M, C, [=](int64_t m, auto rows) {
        const int64_t at = m * C;
        backward<L, rows()>(dx + at, d + at, q + at, gamma, more ? more + at : more, mean + m, rstd + m, C);
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
          // Row by row as memory has them: by blocks of columns it takes longer.
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
