// upsampleNearest(x (N, H, W, C); height, width): pixel (y, x) copies (floor(y*H/height), floor(x*W/width));
// the gradient adds the copies up. Memory-bound, runs of C.
#include <cmath>
#include <cstring>

#include "kernel.h"

namespace easel {
namespace {

// PyTorch computes the source index in float32: min(floor(i * (float(size) / target)), size - 1).
int64_t source_of(int64_t at, int64_t size, int64_t target) {
  const float scale = float(size) / float(target);
  return std::min<int64_t>(int64_t(std::floor(float(at) * scale)), size - 1);
}

void check(const Instruction& i, const Tensor& small, const Tensor& large) {
  i.require(small.rank == 4 && large.rank == 4 && small.dtype == large.dtype, "wants (N, H, W, C)");
  i.require(small.dims[0] == large.dims[0] && small.dims[3] == large.dims[3], "batch or channels differ");
  i.require(small.count() > 0, "is empty");
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_upsample_nearest(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  check(i, x, y);
  i.require(y.dims[1] == i.integer(ATTR_UPSAMPLE_NEAREST_HEIGHT) &&
                y.dims[2] == i.integer(ATTR_UPSAMPLE_NEAREST_WIDTH),
            "the output has another size");
  const int64_t H = x.dims[1], W = x.dims[2], height = y.dims[1], width = y.dims[2],
                rows = y.dims[0] * height;
  const int64_t bytes = x.dims[3] * dtype_bytes(x.dtype);
  return [=, p = y.data, q = x.data] {
    parallel_for(rows, (1 << 17) / (width * bytes + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const char* from = q + (r / height * H + source_of(r % height, H, height)) * W * bytes;
        char* to = p + r * width * bytes;
        for (int64_t c = 0; c < width; ++c, to += bytes)
          std::memcpy(to, from + source_of(c, W, width) * bytes, size_t(bytes));
      }
    });
  };
}

// upsampleNearestBackward(dy; height, width) -> dx (N, height, width, C), the source's size
Run prepare_upsample_nearest_backward(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &dx = i.out(0), &dy = i.in(0);
  check(i, dx, dy);
  i.require(dx.dims[1] == i.integer(ATTR_UPSAMPLE_NEAREST_BACKWARD_HEIGHT) &&
                dx.dims[2] == i.integer(ATTR_UPSAMPLE_NEAREST_BACKWARD_WIDTH),
            "the output has another size");
  const int64_t H = dx.dims[1], W = dx.dims[2], height = dy.dims[1], width = dy.dims[2], C = dx.dims[3];
  const int64_t rows = dx.dims[0] * H;
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
