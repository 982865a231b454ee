// permute(x; p0..p4): output axis i is input axis p_i. Memory-bound; neighbouring axes that stay together are
// merged, a last axis that stays is copied in runs, otherwise the two axes that end input and output are
// walked in tiles.
#include "../../executor/shapes/moves/strides.h"
#include "../kernel.h"

namespace easel {
namespace {

constexpr int64_t kTile = 32;

struct Walk {
  int outer = 0;                  // axes before the run or the tile plane
  PerAxis sides{}, from{}, to{};  // outer axes: size, stride in x, stride in y
  int64_t run = 1;                // elements that stay together
  int64_t rows = 1, columns = 1, row_to = 0,
          column_from = 0;  // plane: rows are x's last axis, columns y's last
};

Walk plan(const Merged& m) {
  Walk w;
  const int last = m.last();
  int row = -1;
  if (m.a[last] == 1) {
    w.run = m.sides[last];
  } else {
    w.columns = m.sides[last];
    w.column_from = m.a[last];
    for (int d = 0; d < last; ++d)
      if (m.a[d] == 1) row = d;
    if (row >= 0) {
      w.rows = m.sides[row];
      w.row_to = m.b[row];
    }
  }
  for (int d = 0; d < last; ++d) {
    if (d == row) continue;
    w.sides[w.outer] = m.sides[d];
    w.from[w.outer] = m.a[d];
    w.to[w.outer++] = m.b[d];
  }
  return w;
}

template <typename T>
Run permuted(const Tensor& y, const Tensor& x, const Walk& w) {
  int64_t outer = 1;
  for (int d = 0; d < w.outer; ++d) outer *= w.sides[d];
  const int64_t tiles = (w.rows + kTile - 1) / kTile, work = std::min(w.rows, kTile) * w.columns * w.run;
  return [=, p = y.as<T>(), q = x.as<T>()] {
    parallel_for(outer * tiles, (1 << 14) / work + 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        int64_t rest = k / tiles, source = 0, target = 0;
        for (int d = w.outer - 1; d >= 0; --d) {
          const int64_t at = rest % w.sides[d];
          rest /= w.sides[d];
          source += at * w.from[d];
          target += at * w.to[d];
        }
        if (w.run > 1) {
          std::copy_n(q + source, w.run, p + target);
          continue;
        }
        const int64_t r0 = k % tiles * kTile, r1 = std::min(r0 + kTile, w.rows);
        for (int64_t c0 = 0; c0 < w.columns; c0 += kTile) {
          const int64_t c1 = std::min(c0 + kTile, w.columns);
          for (int64_t r = r0; r < r1; ++r)
            for (int64_t c = c0; c < c1; ++c)
              p[target + r * w.row_to + c] = q[source + r + c * w.column_from];
        }
      }
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_permute(const Instruction& i) {
  const Strides s = permute_strides(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  if (y.count() == 0) return [] {};
  const Walk w = plan(merge_axes(y, s));
  return dtype_bytes(y.dtype) == 4   ? permuted<uint32_t>(y, x, w)
         : dtype_bytes(y.dtype) == 2 ? permuted<uint16_t>(y, x, w)
                                     : permuted<uint8_t>(y, x, w);
}

}  // namespace EASEL_ISA
}  // namespace easel
