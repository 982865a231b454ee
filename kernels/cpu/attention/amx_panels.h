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

// Rows as b, of a sum over the rows: of each 32 rows, up to `padded` ones, tiles of 16 columns. A word is of
// rows 16 apart, as pairs_of makes them of two tiles of sums side by side.
inline void pack_along(const bf16* from, int64_t line, int64_t rows, int64_t padded, int64_t width,
                       int64_t tiles, Word* to) {
  for (int64_t r = 0; r < padded; r += 2 * kLanes, from += 2 * kLanes * line)
    for (int64_t c = 0; c < tiles * kLanes; c += kLanes)
      for (int64_t k = r; k < r + kLanes; ++k, to += kLanes) {
        const bf16 *x = from + (k - r) * line + c, *y = k + kLanes < rows ? x + kLanes * line : nullptr;
        store(to, k < rows && c < width ? load_some(x, y, width - c) : Vec{});
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

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
