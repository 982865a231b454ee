// permute(x; p0..p4): output axis i is input axis p_i.
#include "permute.h"

#include "gather.h"

namespace easel {
namespace {

// Shorter axes than this would leave most of a tile empty; the caches serve them as well.
constexpr int64_t kShort = 16;

// The walk (a: strides in x, b: in y) as planes, if x's last axis is another than y's.
bool as_planes(const Walk& w, Plane& p) {
  if (w.inner_a == 1) return false;
  p.columns = w.inner;
  p.column_from = w.inner_a;
  for (int d = 0; d < w.outer; ++d) {
    if (w.a[d] == 1) {
      p.rows = w.sides[d];
      p.row_to = w.b[d];
    } else {
      p.from.add(w.sides[d], w.a[d]);
      p.to.add(w.sides[d], w.b[d]);
    }
  }
  return p.rows >= kShort && p.columns >= kShort;
}

}  // namespace

Run prepare_permute(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  int64_t stride[EASEL_MAX_RANK], from[EASEL_MAX_RANK], to[EASEL_MAX_RANK], step = 1;
  for (int d = x.rank - 1; d >= 0; step *= x.dims[d--]) stride[d] = step;
  step = 1;
  for (int d = y.rank - 1; d >= 0; step *= y.dims[d--]) to[d] = step;
  int seen = 0;
  for (int d = 0; d < y.rank; ++d) {
    const int64_t p = i.integer(ATTR_PERMUTE_P0 + d);
    i.require(p >= 0 && p < x.rank && !(seen & 1 << p), "the order is no permutation");
    i.require(x.dims[p] == y.dims[d], "the output's shape is not the permuted one");
    seen |= 1 << p;
    from[d] = stride[p];
  }
  const Walk w = make_walk(y.rank, y.dims, from, to);
  Plane p;
  if (!as_planes(w, p)) return gather(i, y, x, 0, w);
  const int64_t size = dtype_bytes(y.dtype), side = tile_side(size);
  const int64_t tiles = p.from.count * ((p.rows + side - 1) / side) * ((p.columns + side - 1) / side);
  return launch(i, "permute_" + std::to_string(size),
                {.grid = {tiles}, .shared = size_t(side * tile_pitch(size) * size)}, y.data, x.data, p);
}

}  // namespace easel
