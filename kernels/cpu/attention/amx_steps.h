// A step of attention's forward by tiles of AMX for narrow heads: 16 queries by 32 keys. The tiles multiply
// scores of one item and add the values of another, whose sums stay in them; in between the vectors make
// weights of a third one's scores.
//
// Of three tiles of sums one column is that of weights. With four tiles of them none is left for a fifth,
// so the vectors add the weights up, 10 ns a step beside 5 of one more product.
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
constexpr int64_t kStepWords = 2 * amx::kTile;  // of a row of q and k
constexpr int64_t kStepScores = kStepQueries * kChunk;

// A panel's queries and a chunk of keys.
struct Item {
  const Word *queries, *keys, *values;
  const bf16* ones;  // of keys that count, in the order of packed()
  float *offsets, *sums, *totals;
  bool fresh;  // sums are from 0 on
  int64_t query, key;
};

template <typename Exp2, int Tiles>
class Steps {
 public:
  static constexpr bool kTotals = Tiles == 4;  // the vectors add weights up, in 16 lanes behind a row's sums
  static constexpr int64_t kColumns = Tiles * amx::kTile, kLine = kColumns + kTotals * kLanes;

  // scores: two items', weights: two items'.
  Steps(float* scores, Word* weights, float scale) : scores_(scores), weights_(weights), exp2_(scale) {}

  float* scores() const { return scores_ + turn_ * kStepScores; }  // that the next step weighs

  // Scores of `multiplied`, the second half of which the next step stores; weights of `weighed`, the item
  // before the last one; values of `added`, the one before that.
  [[gnu::always_inline]] inline void step(const Item& multiplied, const Item& weighed, const Item& added) {
    const Woven x{multiplied,
                  added,
                  weights_ + !turn_ * kTileWords,
                  scores(),
                  scores_ + !turn_ * kStepScores + amx::kTile,
                  sums_,
                  {scores(), weighed.offsets, load(words_of(weighed.ones)), weighed.totals,
                   weights_ + turn_ * kTileWords, exp2_}};
    if constexpr (Tiles == 3)
      x.three();
    else
      x.four();
    sums_ = added.sums;
    turn_ = !turn_;
  }

  // The last item's sums.
  void finish() {
    if (!sums_) return;
    amx::store<0>(sums_, kSumsBytes);
    amx::store<1>(sums_ + amx::kTile, kSumsBytes);
    amx::store<2>(sums_ + 2 * amx::kTile, kSumsBytes);
    if constexpr (Tiles == 4) amx::store<3>(sums_ + 3 * amx::kTile, kSumsBytes);
    sums_ = nullptr;
  }

 private:
  static constexpr int64_t kSumsBytes = kLine * sizeof(float), kScoresBytes = kChunk * sizeof(float),
                           kQueriesBytes = kStepWords * sizeof(Word);

  struct Rows {
    const float *scores, *offsets;
    const Vec ones;
    float* totals;
    Word* weights;
    const Exp2 exp2;
    template <int Begin, int End>
    [[gnu::always_inline]] inline void weigh() const {
#pragma GCC unroll 16
      for (int r = Begin; r < End; ++r) {
        const float* x = scores + r * kChunk;
        const Narrow pairs = exp2(load(x), load(x + kLanes), spread(offsets[r]));
        memcpy(weights + r * kLanes, &pairs, sizeof pairs);
        if constexpr (kTotals) {
          float* total = totals + r * kLine;
          store(total, multiply_add<bf16>(load(total), Vec(pairs), ones));
        }
      }
    }
  };

  // A step's instructions, in order. New scores take the place of those that are weighed.
  struct Woven {
    const Item &multiplied, &added;
    const Word* weights;
    float *scores, *before;  // before: where the last step's second half belongs
    float* sums;             // that are in the tiles
    const Rows rows;

    [[gnu::always_inline]] inline void three() const {
      amx::clear<3>();
      queries<5, 0>();
      score<3, 5, 0>();
      rows.template weigh<0, 3>();
      amx::load<6>(weights, 64);
      add<0, 6>();
      rows.template weigh<3, 5>();
      amx::store<4>(before, kScoresBytes);
      amx::clear<4>();
      score<4, 5, 2>();
      rows.template weigh<5, 7>();
      add<1, 6>();
      rows.template weigh<7, 10>();
      queries<5, 1>();
      score<3, 5, 1>();
      rows.template weigh<10, 12>();
      add<2, 6>();
      rows.template weigh<12, 14>();
      score<4, 5, 3>();
      rows.template weigh<14, 16>();
      amx::store<3>(scores, kScoresBytes);
    }

    [[gnu::always_inline]] inline void four() const {
      amx::clear<4>();
      queries<6, 0>();
      score<4, 6, 0>();
      rows.template weigh<0, 2>();
      amx::store<5>(before, kScoresBytes);
      amx::clear<5>();
      score<5, 6, 2>();
      rows.template weigh<2, 4>();
      amx::load<6>(weights, 64);
      add<0, 6>();
      rows.template weigh<4, 7>();
      add<1, 6>();
      rows.template weigh<7, 9>();
      queries<6, 1>();
      score<4, 6, 1>();
      rows.template weigh<9, 12>();
      score<5, 6, 3>();
      rows.template weigh<12, 14>();
      amx::load<6>(weights, 64);
      add<2, 6>();
      rows.template weigh<14, 16>();
      amx::store<4>(scores, kScoresBytes);
      add<3, 6>();
    }

    template <int To, int Tile>
    [[gnu::always_inline]] inline void queries() const {
      amx::load<To>(multiplied.queries + Tile * amx::kTile, kQueriesBytes);
    }

    template <int Sum, int A, int Tile>
    [[gnu::always_inline]] inline void score() const {
      amx::load<7>(multiplied.keys + Tile * kTileWords, 64);
      amx::multiply_add<Sum, A, 7>();
    }

    template <int Tile, int A>
    [[gnu::always_inline]] inline void add() const {
      if (added.sums != sums) change<Tile>();
      amx::load<7>(added.values + Tile * kTileWords, 64);
      amx::multiply_add<Tile, A, 7>();
    }

    // Another panel's sums in place of those in a tile.
    template <int Tile>
    void change() const {
      if (sums) amx::store<Tile>(sums + Tile * amx::kTile, kSumsBytes);
      if (!added.sums || added.fresh)
        amx::clear<Tile>();
      else
        amx::load<Tile>(added.sums + Tile * amx::kTile, kSumsBytes);
    }
  };

  float *scores_, *sums_ = nullptr;
  Word* weights_;
  int turn_ = 0;
  Exp2 exp2_;
};

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
