// Merging of axes: most operations become one long run, or rows against a vector.
#include "walk.h"

namespace easel {

Walk make_walk(int rank, const int64_t* sides, const int64_t* a, const int64_t* b) {
  Walk w;
  int64_t side[EASEL_MAX_RANK], at_a[EASEL_MAX_RANK], at_b[EASEL_MAX_RANK];  // innermost first
  int axes = 0;
  for (int d = rank - 1; d >= 0; --d) {
    w.count *= sides[d];
    if (sides[d] == 1) continue;
    const int last = axes - 1;
    if (axes && a[d] == side[last] * at_a[last] && b[d] == side[last] * at_b[last]) {
      side[last] *= sides[d];
      continue;
    }
    side[axes] = sides[d];
    at_a[axes] = a[d];
    at_b[axes++] = b[d];
  }
  if (axes) {
    w.inner = side[0];
    w.inner_a = at_a[0];
    w.inner_b = at_b[0];
  }
  for (int d = axes - 1; d >= 1; --d) {
    w.sides[w.outer] = side[d];
    w.a[w.outer] = at_a[d];
    w.b[w.outer++] = at_b[d];
  }
  return w;
}

}  // namespace easel
