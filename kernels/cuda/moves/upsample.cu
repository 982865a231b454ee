// upsampleNearest(x (N, H, W, C); height, width): pixel (y, x) copies (floor(y*H/height), floor(x*W/width));
// the gradient adds the copies up. Memory-bound: at twice the size one write and a quarter of a read, or the
// reverse.
#include "../arrays/packs.cuh"
#include "upsample.h"

namespace easel {

// C in units of bytes
template <typename T>
EASEL_DEVICE void upsample_nearest(T* __restrict__ y, const T* __restrict__ x, const Enlargement& e) {
  EASEL_GRID_STRIDE(k, e.N * e.height * e.width * e.C) {
    const Spot s = e.spot(k, e.height, e.width);
    y[k] = x[((s.n * e.H + e.source_row(s.row)) * e.W + e.source_column(s.column)) * e.C + s.c];
  }
}

template <int N, typename T>
EASEL_DEVICE void add_copies(T* dx, const T* dy, Enlargement e) {
  e.C /= N;
  EASEL_GRID_STRIDE(k, e.N * e.H * e.W * e.C) {
    const Spot s = e.spot(k, e.H, e.W);
    // Source indices never fall as the target's rise, so each source pixel owns one box of targets.
    const int64_t y0 = e.first_row(s.row), y1 = e.first_row(s.row + 1);
    const int64_t x0 = e.first_column(s.column), x1 = e.first_column(s.column + 1);
    float total[N] = {};
    for (int64_t y = y0; y < y1; ++y)
      for (int64_t x = x0; x < x1; ++x) {
        const Pack<T, N> v = load<T, N>(dy + (((s.n * e.height + y) * e.width + x) * e.C + s.c) * N);
#pragma unroll
        for (int l = 0; l < N; ++l) total[l] += to_float(v.at[l]);
      }
    Pack<T, N> r;
#pragma unroll
    for (int l = 0; l < N; ++l) r.at[l] = from_float<T>(total[l]);
    store(dx + k * N, r);
  }
}

// dy (N, height, width, C) -> dx (N, H, W, C)
template <typename T>
EASEL_DEVICE void upsample_nearest_backward(T* __restrict__ dx, const T* __restrict__ dy,
                                            const Enlargement& e) {
  if (e.C % kPack<T> == 0 && aligned(dx, dy))
    add_copies<kPack<T>>(dx, dy, e);
  else
    add_copies<1>(dx, dy, e);
}

#define UPSAMPLE(T, BYTES)                                                          \
  EASEL_KERNEL(256, upsample_nearest_##BYTES, (T * y, const T* x, Enlargement e)) { \
    upsample_nearest(y, x, e);                                                      \
  }
EASEL_UNITS(UPSAMPLE)

#define UPSAMPLE_BACKWARD(T, NAME)                                                            \
  EASEL_KERNEL(256, upsample_nearest_backward_##NAME, (T * dx, const T* dy, Enlargement e)) { \
    upsample_nearest_backward(dx, dy, e);                                                     \
  }
EASEL_FLOATS(UPSAMPLE_BACKWARD)

}  // namespace easel
