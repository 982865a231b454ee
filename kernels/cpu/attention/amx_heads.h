// What goes into attention's forward by tiles of AMX, keys and values packed once for all queries, and what
// comes of its sums.
#pragma once
#include "../../executor/shapes/product/attention.h"
#include "../kernel.h"
#include "amx_exponentials.h"
#include "amx_panels.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

constexpr int kChunk = 32;        // keys that the tiles take at a time
constexpr int64_t kPacked = 512;  // keys that a thread packs at a time

// Beside v lies a column of ones, whose sum is that of the weights, if there are `ones`.
class Heads {
 public:
  Heads(const Instruction& i, const AttentionShape& s, bool ones = true)
      : s_(s),
        ones_(ones),
        words_(sum_tiles(s.width) * amx::kTile),
        columns_(column_tiles(s.width + ones) * amx::kTile),
        keys_(round_up(s.keys, kChunk)),
        parts_(ratio_up(keys_, kPacked)),
        packed_(i.scratch(sizeof(Word) * size_t(s.batch * s.heads * head_words()))),
        largest_(i.scratch(sizeof(float) * size_t(s.batch * s.heads * parts_))) {}

  int64_t words() const { return words_; }      // of a row of q and k, as wide as whole tiles
  int64_t columns() const { return columns_; }  // of sums, likewise
  int64_t keys() const { return keys_; }        // as packed
  int64_t head_words() const { return keys_ * words_ + keys_ / 2 * columns_; }
  int64_t offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * s_.row() + h % s_.heads * s_.width;
  }
  // As pack_across, and as pack_along.
  const Word* keys_of(int64_t h) const { return at(h); }
  const Word* values_of(int64_t h) const { return at(h) + keys_ * words_; }
  // The largest magnitude of a key's number; NaN is above all.
  float largest(int64_t h) const {
    const float* of_parts = largest_.get<float>() + h * parts_;
    float most = of_parts[0];
    for (int64_t k = 1; k < parts_; ++k)
      if (of_parts[k] > most || std::isnan(of_parts[k])) most = of_parts[k];
    return most;
  }

  void pack(const bf16* k, const bf16* v) const {
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < s_.batch * s_.heads * parts_; ++task)
      pack(task / parts_, task % parts_ * kPacked, k, v);
  }

 private:
  Word* at(int64_t h) const { return packed_.get<float>() + h * head_words(); }

  // Keys that are none are copies of the first one, whose weight is no surprise, and their values 0.
  void pack(int64_t h, int64_t from, const bf16* k, const bf16* v) const {
    const int64_t padded = std::min(kPacked, keys_ - from), n = std::min(kPacked, s_.keys - from);
    const int64_t row = s_.row(), head = offset(h, s_.keys);
    Word *keys = at(h) + from * words_, *values = at(h) + keys_ * words_ + from / 2 * columns_;
    pack_across(k + head + from * row, row, n, padded, s_.width, k + head, keys);
    pack_along(v + head + from * row, row, n, padded, s_.width, columns_ / amx::kTile, values);
    largest_.get<float>()[h * parts_ + from / kPacked] = attention_detail::largest(keys, padded * words_);
    if (ones_) pack_ones(n, padded, values + s_.width / kLanes * kTileWords + s_.width % kLanes);
  }

  void pack_ones(int64_t n, int64_t padded, Word* values) const {
    for (int64_t w = 0; w < padded / 2; ++w) {
      const int64_t key = w / amx::kTile * kChunk + first_of_word(w % amx::kTile);
      bf16* pair =
          reinterpret_cast<bf16*>(values + w / amx::kTile * amx::kTile * columns_ + w % amx::kTile * kLanes);
      for (int k = 0; k < 2; ++k) pair[k] = from_float<bf16>(key + k < n ? 1.f : 0.f);
    }
  }

  AttentionShape s_;
  bool ones_;
  int64_t words_, columns_, keys_, parts_;
  Scratch packed_;   // of each head its keys, then its values
  Scratch largest_;  // of each part of a head's keys
};

constexpr float kMuch = 1e25f;  // of weights; times v it is still a float

// Sums of n queries' values times weights, rows `line` floats apart; behind them the weights' own.
struct Sums {
  const float* at;
  int64_t line, n, width;
  const float* offsets;  // of the queries' shifts

  // Whether no sum of weights is too large.
  bool fit() const {
    for (int64_t r = 0; r < n; ++r)
      if (!(at[r * line + width] < kMuch)) return false;
    return true;
  }

  // Rows of out, `row` apart, and the logarithms of all weights' sums.
  template <typename Exp2>
  void write(bf16* out, int64_t row, float* lse) const {
    const float* x = at;
    for (int64_t r = 0; r < n; ++r, x += line, out += row) {
      const float sum = x[width], factor = 1 / sum;
      for (int64_t c = 0; c < width; c += kLanes) store_some(out + c, load(x + c) * factor, width - c);
      lse[r] = Exp2::shift(offsets[r]) * (1 / kLog2E) + std::log(sum);
    }
  }
};

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
