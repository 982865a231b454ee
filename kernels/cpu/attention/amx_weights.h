// Weights of attention's gradient by tiles of AMX, and their own gradients.
#pragma once
#include "../vectors/functions.h"
#include "amx_panels.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

constexpr int64_t kWords = kPanel / 2;  // of a key's weights of a panel

// p = 2^(scale score - shift), ds = p (dp - delta) of a square of kPanel keys and a panel of queries: as
// words of a sum over queries, a row a key, and ds as words of one over keys kTile apart.
struct Square {
  const float *scores, *dp, *shift, *delta;
  float scale;
  Seen seen;
  float *p, *ds, *ds_pairs;
};

inline void weigh(const Square &s) {
  const bool hides = s.seen.keys < kPanel || (s.seen.causal && s.seen.first + kPanel > 1);
  Vec shift[2], delta[2];
  for (int v = 0; v < 2; ++v) shift[v] = load(s.shift + v * kLanes), delta[v] = load(s.delta + v * kLanes);
  for (int row = 0; row < amx::kTile; ++row) {
    Vec ds[2][2];
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const int key = row + half * amx::kTile;
      Vec x[1][2], p[2];
      for (int v = 0; v < 2; ++v) x[0][v] = load(s.scores + key * kPanel + v * kLanes);
      if (hides) hide(x, s.seen, key);
      for (int v = 0; v < 2; ++v) {
        const Vec weight = exp2_of<bf16>(x[0][v] * s.scale - shift[v]);
        p[v] = and_half(weight);
        ds[half][v] = and_half(weight * (load(s.dp + key * kPanel + v * kLanes) - delta[v]));
      }
      store(s.p + key * kWords, (Vec)pairs_of(p[0], p[1]));
      store(s.ds + key * kWords, (Vec)pairs_of(ds[half][0], ds[half][1]));
    }
    for (int v = 0; v < 2; ++v)
      store(s.ds_pairs + row * kPanel + v * kLanes, (Vec)pairs_of(ds[0][v], ds[1][v]));
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
