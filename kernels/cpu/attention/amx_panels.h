// Operands of attention's products as tiles of AMX read them, 0 where rows or columns are missing.
#pragma once
#include "../vectors/amx.h"
#include "attention_layouts.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

constexpr int64_t kTileWords = amx::kTile * amx::kTile;  // of a packed tile, 1 KiB

// Tiles of n numbers along a sum, and of n columns.
inline int64_t sum_tiles(int64_t n) { return (n + 2 * amx::kTile - 1) / (2 * amx::kTile); }
inline int64_t column_tiles(int64_t n) { return (n + amx::kTile - 1) / amx::kTile; }

// Rows of a, of a sum over the width: `padded` of them, each as wide as whole tiles.
inline void pad_rows(const bf16* from, int64_t line, int64_t rows, int64_t padded, int64_t width, Word* to) {
  for (int64_t r = 0; r < padded; ++r, from += line)
    for (int64_t w = 0; w < width / 2; w += kLanes, to += kLanes)
      store(to, r < rows ? load_some(words_of(from) + w, width / 2 - w) : Vec{});
}

// Rows as columns of b, of a sum over the width: of each 16 rows their tiles. Missing rows, up to `padded`
// ones, are copies of one that is there.
inline void pack_across(const bf16* from, int64_t line, int64_t rows, int64_t padded, int64_t width,
                        const bf16* missing, Word* to) {
  const int64_t words = width / 2;
  for (int64_t r = 0; r < padded; r += kLanes)
    for (int64_t w = 0; w < words; w += kLanes, to += kTileWords) {
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k)
        x[k] = load_some(words_of(r + k < rows ? from + (r + k) * line : missing) + w, words - w);
      transpose(x);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) store(to + k * kLanes, x[k]);
    }
}

// The row of a word's first number, as packed() makes words of two tiles' sums side by side; its second one
// is the row behind.
inline int64_t first_of_word(int64_t word) { return word / 4 * 4 + word % 4 / 2 * amx::kTile + word % 2 * 2; }

// Rows as b, of a sum over the rows: of each 32 rows, up to `padded` ones, tiles of 16 columns.
inline void pack_along(const bf16* from, int64_t line, int64_t rows, int64_t padded, int64_t width,
                       int64_t tiles, Word* to) {
  for (int64_t r = 0; r < padded; r += 2 * amx::kTile)
    for (int64_t c = 0; c < tiles * kLanes; c += kLanes)
      for (int64_t w = 0; w < amx::kTile; ++w, to += kLanes) {
        const int64_t row = r + first_of_word(w);
        const bf16* x = from + row * line + c;
        store(to,
              row < rows && c < width ? load_some(x, row + 1 < rows ? x + line : nullptr, width - c) : Vec{});
      }
}

// Columns as rows of a, of a sum over the rows: of each 32 rows tiles of 16 columns. A word is of rows 16
// apart.
inline void pack_columns(const bf16* from, int64_t line, int64_t rows, int64_t width, Word* to) {
  for (int64_t first = 0; first < rows; first += 2 * kLanes)
    for (int64_t c = 0; c < width; c += kLanes) {
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) {
        const int64_t r = first + k;
        const bf16 *at = from + r * line + c, *second = r + kLanes < rows ? at + kLanes * line : nullptr;
        x[k] = r < rows ? load_some(at, second, width - c) : Vec{};
      }
      transpose(x);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k, to += kLanes) store(to, x[k]);
    }
}

// The largest magnitude of n words, a multiple of the lanes; NaN is above all.
inline float largest(const Word* from, int64_t n) {
  Narrow most{};
  for (int64_t k = 0; k < n; k += kLanes) {
    Narrow x;
    memcpy(&x, from + k, sizeof x);
    x &= 0x7fff;
    most = x > most ? x : most;
  }
  uint16_t all = 0;
  for (int k = 0; k < 2 * kLanes; ++k) all = std::max<uint16_t>(all, most[k]);
  const uint32_t bits = uint32_t(all) << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
