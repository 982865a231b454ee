// A unit of attention's forward by tiles of AMX: 32 queries by 64 keys, in chunks of 32. While the vectors
// make weights of one unit's scores, the tiles multiply the scores of another and add the weights of a third
// one. The two instruction streams are woven by hand, as a unit is more than the processor looks ahead.
#pragma once
#include "amx_exponentials.h"
#include "amx_heads.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

constexpr int kUnitQueries = 32, kUnitKeys = 64;

// Scores (chunks of 32 keys, 32 queries, 32 keys) of a unit on the way to weights (.., 16 words), a row at a
// time.
template <typename Exp2>
class Weigher {
 public:
  Weigher(const float* scores, const float* offsets, float scale, Word* weights, int rows)
      : scores_(scores), offsets_(offsets), weights_(weights), rows_(rows), exp2_(scale) {}

  [[gnu::always_inline]] inline void advance(int rows) {
    const int end = std::min(next_ + rows, rows_);
    const Exp2 exp2 = exp2_;
    for (; next_ < end; ++next_) {
      const float* x = scores_ + next_ * kChunk;
      const Narrow pairs = exp2(load(x), load(x + kLanes), spread(offsets_[next_ % kUnitQueries]));
      memcpy(weights_ + next_ * kLanes, &pairs, sizeof pairs);
    }
  }

 private:
  const float *scores_, *offsets_;
  Word* weights_;
  int rows_, next_ = 0;
  Exp2 exp2_;
};

// Weighs nothing.
struct NoWeigher {
  void advance(int) {}
};

// Scores (chunks, 32, 32) of queries (32, words) and keys as pack_across. With each four products `share`
// rows of w are weighed.
template <typename W>
void multiply_scores(const Word* queries, const Word* keys, int64_t words, int chunks, float* scores, W& w,
                     int share) {
  const int64_t line = words * int64_t(sizeof(Word)), half = amx::kTile * words;
  for (int chunk = 0; chunk < chunks; ++chunk, keys += kChunk * words, scores += kUnitQueries * kChunk) {
    amx::clear<0>();
    amx::clear<1>();
    amx::clear<2>();
    amx::clear<3>();
    for (int64_t k = 0; k < words; k += amx::kTile) {
      amx::load<4>(queries + k, line);
      amx::load<6>(keys + k * amx::kTile, 64);
      amx::multiply_add<0, 4, 6>();
      amx::load<7>(keys + half + k * amx::kTile, 64);
      amx::multiply_add<1, 4, 7>();
      amx::load<5>(queries + half + k, line);
      amx::multiply_add<2, 5, 6>();
      amx::multiply_add<3, 5, 7>();
      w.advance(share);
    }
    constexpr int64_t kLine = kChunk * sizeof(float);
    amx::store<0>(scores, kLine);
    amx::store<1>(scores + amx::kTile, kLine);
    amx::store<2>(scores + amx::kTile * kChunk, kLine);
    amx::store<3>(scores + amx::kTile * kChunk + amx::kTile, kLine);
  }
}

// Sums (32, columns) of weights (chunks, 32, 16 words) and values as pack_along; `fresh`: from 0 on.
template <typename W>
void add_values(const Word* weights, const Word* values, int64_t columns, int chunks, bool fresh, float* sums,
                W& w, int share) {
  const int64_t line = columns * int64_t(sizeof(float)), half = amx::kTile * columns;
  for (int64_t c = 0; c < columns; c += 2 * amx::kTile) {
    const bool two = c + amx::kTile < columns;
    if (fresh) {
      amx::clear<0>();
      amx::clear<1>();
      amx::clear<2>();
      amx::clear<3>();
    } else {
      amx::load<0>(sums, line);
      amx::load<2>(sums + half, line);
      if (two) amx::load<1>(sums + amx::kTile, line);
      if (two) amx::load<3>(sums + half + amx::kTile, line);
    }
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const Word *a = weights + chunk * 2 * kTileWords, *b = values + chunk * amx::kTile * columns;
      amx::load<4>(a, 64);
      amx::load<5>(a + kTileWords, 64);
      amx::load<6>(b, 64);
      amx::multiply_add<0, 4, 6>();
      amx::multiply_add<2, 5, 6>();
      if (two) {
        amx::load<7>(b + kTileWords, 64);
        amx::multiply_add<1, 4, 7>();
        amx::multiply_add<3, 5, 7>();
      }
      w.advance(share);
    }
    amx::store<0>(sums, line);
    amx::store<2>(sums + half, line);
    if (two) amx::store<1>(sums + amx::kTile, line);
    if (two) amx::store<3>(sums + half + amx::kTile, line);
    sums += 2 * amx::kTile;
    values += 2 * kTileWords;
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
