// geglu([a | b]) = a * gelu(b) over halves of the last axis, and its gradient. Memory and the bell curve take
// about as long.
#include "../../executor/shapes/geglu.h"

#include "../vectors/functions.h"
#include "../vectors/streams.h"

namespace easel {
namespace {

using namespace vectors;

template <typename L, typename T = typename L::type>
EASEL_FLAT void geglu(T* y, const T* x, int64_t M, int64_t C) {  // y: (M, C), x: (M, 2C)
  for (int64_t m = 0; m < M; ++m, y += C, x += 2 * C)
    each_block<2>(C, [=](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      Vec a[V], b[V];
      fetch_ahead<V>(x + c);
      fetch_ahead<V>(x + C + c);
      read<L>(a, x + c, part);
      read<L>(b, x + C + c, part);
      for (int v = 0; v < V; ++v) a[v] *= vectors::gelu<T>(b[v]);
      write<L>(y + c, a, part);
    });
}

template <typename L, typename T = typename L::type>
EASEL_FLAT void geglu_backward(T* dx, const T* dy, const T* x, int64_t M,
                               int64_t C) {  // dx, x: (M, 2C), dy: (M, C)
  for (int64_t m = 0; m < M; ++m, dx += 2 * C, dy += C, x += 2 * C)
    each_block<2>(C, [=](int64_t c, auto vectors, auto part) {
      constexpr int V = vectors();
      Vec d[V], a[V], b[V];
      fetch_ahead<V>(dy + c);
      fetch_ahead<V>(x + c);
      fetch_ahead<V>(x + C + c);
      read<L>(d, dy + c, part);
      read<L>(a, x + c, part);
      read<L>(b, x + C + c, part);
      for (int v = 0; v < V; ++v) {
        const Bell n = bell<T>(b[v]);
        const Vec cdf = b[v] < 0.f ? n.beyond : 1.f - n.beyond;
        a[v] = d[v] * a[v] * (cdf + b[v] * (n.density * 0.39894228040143268f));
        b[v] = d[v] * (b[v] * cdf);
      }
      write<L>(dx + c, b, part);
      write<L>(dx + C + c, a, part);
    });
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_geglu(const Instruction& i) {
  const auto [M, C] = geglu_shape(i);
  return with_lanes(i, i.out(0).dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    return [=, y = i.out(0).as<T>(), x = i.in(0).as<T>()] {
      parallel_for(M, (1 << 13) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        geglu<L>(y + begin * C, x + begin * 2 * C, end - begin, C);
      });
    };
  });
}

Run prepare_geglu_backward(const Instruction& i) {
  const auto [M, C] = geglu_backward_shape(i);
  return with_lanes(i, i.out(0).dtype, [&](auto lanes) -> Run {
    using L = decltype(lanes);
    using T = typename L::type;
    return [=, dx = i.out(0).as<T>(), dy = i.in(0).as<T>(), x = i.in(1).as<T>()] {
      parallel_for(M, (1 << 13) / (C + 1) + 1, [=](int64_t begin, int64_t end) {
        geglu_backward<L>(dx + begin * 2 * C, dy + begin * C, x + begin * 2 * C, end - begin, C);
      });
    };
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
