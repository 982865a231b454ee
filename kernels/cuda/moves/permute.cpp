// permute(x; p0..p4): output axis i is input axis p_i.
#include "permute.h"

#include "../../executor/shapes/moves/strides.h"
#include "../arrays/gather.h"

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
  const Strides s = permute_strides(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const Walk w = make_walk(y.rank, y.dims, s.a.data(), s.b.data());
  Plane p;
  if (!as_planes(w, p)) return gather(i, y, x, 0, w);
  const int64_t size = dtype_bytes(y.dtype), side = tile_side(size);
  const int64_t tiles = p.from.count * ((p.rows + side - 1) / side) * ((p.columns + side - 1) / side);
  return launch(i, "permute_" + std::to_string(size),
                {.grid = {tiles}, .shared = size_t(side * tile_pitch(size) * size)}, y.data, x.data, p);
}

}  // namespace easel
