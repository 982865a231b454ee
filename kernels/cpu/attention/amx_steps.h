// A step of attention's forward by tiles of AMX for narrow heads: 16 queries by 32 keys. The tiles multiply
// scores of one item and add the values of another, whose sums stay in them; in between the vectors make
// weights of a third one's scores.
//
// Stores of tiles cost nothing if two products at least lie between a sum's last one and its store, and
// between two stores. If not, all that follows waits for them: 184 cycles a step in place of 112. They must
// meet lines of the first-level cache, too: others take 60 cycles for 16.
#pragma once
#include "amx_units.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

constexpr int kStepQueries = 16;
constexpr int64_t kStepWords = 2 * amx::kTile, kStepColumns = 3 * amx::kTile;  // of a row of q and k, of sums
constexpr int64_t kStepScores = kStepQueries * kChunk;

// A panel's queries and a chunk of keys.
struct Item {
  const Word *queries, *keys, *values;
  float *offsets, *sums;
  bool fresh;  // sums are from 0 on
  int64_t query, key;
};

template <typename Exp2>
class Steps {
 public:
  // scores: two items', weights: two items'.
  Steps(float* scores, Word* weights, float scale) : scores_(scores), weights_(weights), exp2_(scale) {}

  float* scores() const { return scores_ + turn_ * kStepScores; }  // that the next step weighs

  // Scores of `multiplied`, the second half of which the next step stores; weights of `weighed`, the item
  // before the last one; values of `added`, the one before that.
  [[gnu::always_inline]] inline void step(const Item& multiplied, const Item& weighed, const Item& added) {
    constexpr int64_t kLine = kChunk * sizeof(float), kHalf = 2 * kTileWords;
    const Word *q = multiplied.queries, *k = multiplied.keys, *w = weights_ + !turn_ * kTileWords,
               *v = added.values;
    float *scores = this->scores(), *before = scores_ + !turn_ * kStepScores;
    const Rows rows{scores, weighed.offsets, weights_ + turn_ * kTileWords, exp2_};
    const bool other = added.sums != sums_;
    amx::clear<3>();
    amx::load<5>(q, 4 * kStepWords);
    amx::load<7>(k, 64);
    amx::multiply_add<3, 5, 7>();
    rows.template weigh<0, 3>();
    if (other) change<0>(added);
    amx::load<6>(w, 64);
    amx::load<7>(v, 64);
    amx::multiply_add<0, 6, 7>();
    rows.template weigh<3, 5>();
    amx::store<4>(before + amx::kTile, kLine);
    amx::clear<4>();
    amx::load<7>(k + kHalf, 64);
    amx::multiply_add<4, 5, 7>();
    rows.template weigh<5, 7>();
    if (other) change<1>(added);
    amx::load<7>(v + kTileWords, 64);
    amx::multiply_add<1, 6, 7>();
    rows.template weigh<7, 10>();
    amx::load<5>(q + amx::kTile, 4 * kStepWords);
    amx::load<7>(k + kTileWords, 64);
    amx::multiply_add<3, 5, 7>();
    rows.template weigh<10, 12>();
    if (other) change<2>(added);
    amx::load<7>(v + 2 * kTileWords, 64);
    amx::multiply_add<2, 6, 7>();
    rows.template weigh<12, 14>();
    amx::load<7>(k + kHalf + kTileWords, 64);
    amx::multiply_add<4, 5, 7>();
    rows.template weigh<14, 16>();
    amx::store<3>(scores, kLine);
    sums_ = added.sums;
    turn_ = !turn_;
  }

  // The last item's sums.
  void finish() {
    if (!sums_) return;
    amx::store<0>(sums_, kSumsLine);
    amx::store<1>(sums_ + amx::kTile, kSumsLine);
    amx::store<2>(sums_ + 2 * amx::kTile, kSumsLine);
    sums_ = nullptr;
  }

 private:
  static constexpr int64_t kSumsLine = kStepColumns * sizeof(float);

  struct Rows {
    const float *scores, *offsets;
    Word* weights;
    const Exp2 exp2;
    template <int Begin, int End>
    [[gnu::always_inline]] inline void weigh() const {
#pragma GCC unroll 16
      for (int r = Begin; r < End; ++r) {
        const float* x = scores + r * kChunk;
        const Narrow pairs = exp2(load(x), load(x + kLanes), spread(offsets[r]));
        memcpy(weights + r * kLanes, &pairs, sizeof pairs);
      }
    }
  };

  // Another panel's sums in place of those in a tile.
  template <int Tile>
  void change(const Item& added) const {
    if (sums_) amx::store<Tile>(sums_ + Tile * amx::kTile, kSumsLine);
    if (!added.sums || added.fresh)
      amx::clear<Tile>();
    else
      amx::load<Tile>(added.sums + Tile * amx::kTile, kSumsLine);
  }

  float *scores_, *sums_ = nullptr;
  Word* weights_;
  int turn_ = 0;
  Exp2 exp2_;
};

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
