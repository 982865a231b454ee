// upsampleNearest(x (N, H, W, C); height, width): pixel (y, x) copies (floor(y*H/height), floor(x*W/width));
// the gradient adds the copies up. Memory-bound, runs of C.
#include "../../executor/shapes/moves/upsample.h"

#include <cmath>
#include <cstring>

#include "../vectors/streams.h"

namespace easel {
namespace {

// PyTorch computes the source index in float32: min(floor(i * (float(size) / target)), size - 1).
int64_t source_of(int64_t at, int64_t size, int64_t target) {
  const float scale = float(size) / float(target);
  return std::min<int64_t>(int64_t(std::floor(float(at) * scale)), size - 1);
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_upsample_nearest(const Instruction& i) {
  const auto [N, H, W, height, width, C] = upsample_nearest_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const int64_t rows = N * height, bytes = C * dtype_bytes(x.dtype);
  const bool past = vectors::goes_past(y.data, rows * width, bytes);
  return [=, p = y.data, q = x.data] {
    parallel_for(rows, (1 << 17) / (width * bytes + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const char* from = q + (r / height * H + source_of(r % height, H, height)) * W * bytes;
        char* to = p + r * width * bytes;
        for (int64_t c = 0; c < width; ++c, to += bytes) {
          const char* pixel = from + source_of(c, W, width) * bytes;
          if (past)
            vectors::copy_past(to, pixel, bytes);
          else
            std::memcpy(to, pixel, size_t(bytes));
        }
      }
      if (past) vectors::written();
    });
  };
}

// upsampleNearestBackward(dy; height, width) -> dx (N, height, width, C), the source's size
Run prepare_upsample_nearest_backward(const Instruction& i) {
  const auto [N, H, W, height, width, C] = upsample_nearest_backward_shape(i);
  const Tensor &dx = i.out(0), &dy = i.in(0);
  const int64_t rows = N * H;
  return dispatch(i, dx.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const Scratch sums = i.scratch(size_t(i.threads() * C) * sizeof(float));
    return [=, p = dx.as<T>(), q = dy.as<T>()] {
      // Source indices never fall as the target's rise, so each source pixel owns one box of targets.
      const auto first = [](int64_t at, int64_t size, int64_t target) {
        int64_t t = std::max<int64_t>(0, at * target / size - 1);
        while (t < target && source_of(t, size, target) < at) ++t;
        return t;
      };
      parallel_for(rows, (1 << 15) / (W * C) + 1, [&](int64_t begin, int64_t end) {
        float* s = sums.template get<float>() + omp_get_thread_num() * C;
        for (int64_t r = begin; r < end; ++r) {
          const int64_t n = r / H, y0 = first(r % H, H, height), y1 = first(r % H + 1, H, height);
          for (int64_t c = 0; c < W; ++c) {
            const int64_t x0 = first(c, W, width), x1 = first(c + 1, W, width);
            std::fill_n(s, C, 0.0f);
            for (int64_t y = y0; y < y1; ++y)
              for (int64_t x = x0; x < x1; ++x) {
                const T* from = q + ((n * height + y) * width + x) * C;
#pragma omp simd
                for (int64_t k = 0; k < C; ++k) s[k] += to_float(from[k]);
              }
            T* to = p + (r * W + c) * C;
#pragma omp simd
            for (int64_t k = 0; k < C; ++k) to[k] = from_float<T>(s[k]);
          }
        }
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
