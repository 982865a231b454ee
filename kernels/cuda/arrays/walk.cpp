// From merged axes to a walk.
#include "walk.h"

#include "../../executor/shapes/moves/strides.h"

namespace easel {

Walk make_walk(int rank, const int64_t* sides, const int64_t* a, const int64_t* b) {
  const Merged m = merge_axes(rank, sides, a, b);
  Walk w;
  w.inner = m.sides[m.last()];
  w.inner_a = m.a[m.last()];
  w.inner_b = m.b[m.last()];
  w.outer = m.last();
  std::copy_n(m.sides.begin(), w.outer, w.sides);
  std::copy_n(m.a.begin(), w.outer, w.a);
  std::copy_n(m.b.begin(), w.outer, w.b);
  for (int d = 0; d < m.rank; ++d) w.count *= m.sides[d];
  return w;
}

}  // namespace easel
