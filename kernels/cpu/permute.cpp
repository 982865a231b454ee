// permute(x; p0..p4): output axis i is input axis p_i. Memory-bound; neighbouring axes that stay together are
// merged, a last axis that stays is copied in runs, otherwise the two axes that end input and output are
// walked in tiles.
#include <array>

#include "kernel.h"

namespace easel {
namespace {

constexpr int64_t kTile = 32;

struct Walk {
  int outer = 0;                                              // axes before the run or the tile plane
  std::array<int64_t, EASEL_MAX_RANK> sides{}, from{}, to{};  // outer axes: size, stride in x, stride in y
  int64_t run = 1;                                            // elements that stay together
  int64_t rows = 1, columns = 1, row_to = 0,
          column_from = 0;  // plane: rows are x's last axis, columns y's last
};

Walk plan(const Tensor& y, const Tensor& x, const std::array<int, EASEL_MAX_RANK>& order) {
  std::array<int64_t, EASEL_MAX_RANK> stride{}, sides{}, from{}, to{};
  int64_t step = 1;
  for (int d = x.rank - 1; d >= 0; step *= x.dims[d--]) stride[size_t(d)] = step;
  int axes = 0;
  for (int d = 0; d < y.rank; ++d) {  // merge y's axis into the one before where x has them adjacent too
    const size_t p = size_t(order[size_t(d)]);
    if (y.dims[d] == 1) continue;
    if (axes && from[size_t(axes - 1)] == stride[p] * y.dims[d]) {
      sides[size_t(axes - 1)] *= y.dims[d];
      from[size_t(axes - 1)] = stride[p];
    } else {
      sides[size_t(axes)] = y.dims[d];
      from[size_t(axes++)] = stride[p];
    }
  }
  step = 1;
  for (int d = axes - 1; d >= 0; step *= sides[size_t(d--)]) to[size_t(d)] = step;
  Walk w;
  int row = -1, last = axes - 1;
  if (axes && from[size_t(last)] == 1) {
    w.run = sides[size_t(last)];
  } else if (axes) {
    w.columns = sides[size_t(last)];
    w.column_from = from[size_t(last)];
    for (int d = 0; d < last; ++d)
      if (from[size_t(d)] == 1) row = d;
    if (row >= 0) {
      w.rows = sides[size_t(row)];
      w.row_to = to[size_t(row)];
    }
  }
  for (int d = 0; d < last; ++d) {
    if (d == row) continue;
    w.sides[size_t(w.outer)] = sides[size_t(d)];
    w.from[size_t(w.outer)] = from[size_t(d)];
    w.to[size_t(w.outer++)] = to[size_t(d)];
  }
  return w;
}

template <typename T>
Run permuted(const Tensor& y, const Tensor& x, const std::array<int, EASEL_MAX_RANK>& order) {
  const Walk w = plan(y, x, order);
  int64_t outer = 1;
  for (int d = 0; d < w.outer; ++d) outer *= w.sides[size_t(d)];
  const int64_t tiles = (w.rows + kTile - 1) / kTile, work = std::min(w.rows, kTile) * w.columns * w.run;
  return [=, p = y.as<T>(), q = x.as<T>()] {
    parallel_for(outer * tiles, (1 << 14) / work + 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        int64_t rest = k / tiles, source = 0, target = 0;
        for (int d = w.outer - 1; d >= 0; --d) {
          const int64_t at = rest % w.sides[size_t(d)];
          rest /= w.sides[size_t(d)];
          source += at * w.from[size_t(d)];
          target += at * w.to[size_t(d)];
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
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  std::array<int, EASEL_MAX_RANK> order{};
  int seen = 0;
  for (int d = 0; d < y.rank; ++d) {
    const int64_t p = i.integer(ATTR_PERMUTE_P0 + d);
    i.require(p >= 0 && p < x.rank && !(seen & 1 << p), "the order is no permutation");
    i.require(x.dims[p] == y.dims[d], "the output's shape is not the permuted one");
    seen |= 1 << p;
    order[size_t(d)] = int(p);
  }
  if (y.count() == 0) return [] {};
  return dtype_bytes(y.dtype) == 4   ? permuted<uint32_t>(y, x, order)
         : dtype_bytes(y.dtype) == 2 ? permuted<uint16_t>(y, x, order)
                                     : permuted<uint8_t>(y, x, order);
}

}  // namespace EASEL_ISA
}  // namespace easel
