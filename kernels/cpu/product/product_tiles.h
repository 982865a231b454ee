// Tiles of bf16 products on processors that multiply bf16 (vdpbf16ps), whose sums stay in registers from the
// first word to the last. A word is two bf16 that are neighbours along the sum. a's words are spread over all
// lanes; b lies packed, a word of each of a panel's columns, then the next.
#pragma once
#include "../vectors/attention_tiles.h"

#if defined(__AVX512F__)
#include <immintrin.h>

namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {

using attention_detail::kLanes;
using attention_detail::load;
using attention_detail::multiply_add;
using attention_detail::Narrow;
using attention_detail::narrowed;
using attention_detail::spread;
using attention_detail::store;
using attention_detail::Vec;
using attention_detail::Word;
using attention_detail::words_of;

constexpr int kRows = 12;           // most rows of a tile
constexpr int kPanel = 2 * kLanes;  // columns of a panel; where there are kLanes or fewer it may be half
constexpr int64_t kChunk = 8;       // words between which memory is asked for
constexpr int64_t kLine = 64;       // bytes of a cache line

// A part of the sum: where it begins in the tile's first row, from there to the next row, and its words.
// Where a was packed its rows are neighbours.
struct Stretch {
  const Word* first;
  int64_t line, words;
};

// Memory that will be wanted: `rows` rows of `width` lines, `skip` bytes from a row's last line to the next
// row. Asked for by and by, `rate` lines for kChunk words of a tile.
struct Ahead {
  const char* at = nullptr;
  int64_t rows = 0, width = 0, skip = 0, rate = 0, left = 0;

  void ask() {
    for (int64_t n = 0; n < rate; ++n) {
      if (!left) {
        if (!rows) return;
        --rows;
        left = width;
        at += skip;
      }
      __builtin_prefetch(at, 0, 2);
      at += kLine;
      --left;
    }
  }
  // Numbers (rows, columns) of a matrix whose rows are `line` apart, in so many words of tiles.
  template <typename T>
  static Ahead of(const T* from, int64_t rows, int64_t columns, int64_t line, int64_t words) {
    const int64_t offset = int64_t(reinterpret_cast<uintptr_t>(from) % kLine),
                  width = (offset + int64_t(sizeof(T)) * columns + kLine - 1) / kLine,
                  skip = int64_t(sizeof(T)) * line - width * kLine;
    return {reinterpret_cast<const char*>(from) - offset - skip,
            rows,
            width,
            skip,
            (rows * width * kChunk + words - 1) / std::max<int64_t>(words, 1),
            0};
  }
};

// Where a tile's results go as bf16 straight from registers, and what is added to them, if anything: a
// panel's bias, and numbers that lie as the results do, rows `line` apart.
struct Output {
  bf16* y;
  const bf16 *bias, *residual;
  int64_t line;

  template <int R>
  void write(const Vec (&sum)[R][2]) const {
    using vectors::Brains;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      Vec low = sum[r][0], high = sum[r][1];
      if (bias) low += Brains::read(bias), high += Brains::read(bias + kLanes);
      if (residual) {
        const bf16* more = residual + r * line;
        low += Brains::read(more), high += Brains::read(more + kLanes);
      }
      const Narrow numbers = narrowed(low, high);
      memcpy(y + r * line, &numbers, sizeof numbers);
    }
  }
};

// c (R, V * kLanes; rows kPanel apart) = (or +=) the stretches one after the other, times b (all their words,
// V * kLanes). A row's words are Step apart. With an output c stays as it is.
template <int R, int V, int Step, bool Add>
void tile(const Stretch* stretches, int64_t count, const Word* b, float* c, Ahead* ahead,
          const Output* output) {
  constexpr int kBases = (R + 3) / 4;
  Vec sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = Add ? load(c + r * kPanel + v * kLanes) : Vec{};
  for (const Stretch* s = stretches; s < stretches + count; ++s) {
    const int64_t line = Step == 1 ? s->line : 1, three = 3 * line;
    const Word* row[kBases];
#pragma GCC unroll 4
    for (int q = 0; q < kBases; ++q) row[q] = s->first + 4 * q * line;
    for (int64_t left = s->words; left > 0; left -= kChunk) {
      ahead[0].ask();
      ahead[1].ask();
      for (const Word* const end = b + std::min(left, kChunk) * V * kLanes; b < end; b += V * kLanes) {
        // Four rows by one address: twelve do not fit the registers, and GCC then keeps some in vectors, from
        // where they come back behind all products.
#pragma GCC unroll 4
        for (int q = 0; q < kBases; ++q) asm("" : "+r"(row[q]));
        Vec x[V];
        for (int v = 0; v < V; ++v) x[v] = load(b + v * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const Word& word = row[r / 4][r % 4 == 3 ? three : r % 4 * line];
          if constexpr (V == 1) {  // a load for each product: one that spreads by itself takes less
            asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum[r][0]) : "v"(x[0]), "m"(word));
            continue;
          }
          const Vec all = spread(word);
          for (int v = 0; v < V; ++v) sum[r][v] = multiply_add<bf16>(sum[r][v], all, x[v]);
        }
#pragma GCC unroll 4
        for (int q = 0; q < kBases; ++q) row[q] += Step;
      }
    }
  }
  if constexpr (V == 2)
    if (output) return output->write(sum);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(c + r * kPanel + v * kLanes, sum[r][v]);
}

// The tile of so many rows, 1 to kRows: its words are neighbours or, where a was packed like b, kPanel apart.
using Tile = void (*)(const Stretch*, int64_t, const Word*, float*, Ahead*, const Output*);
template <int V, int Step, bool Add, int... R>
inline Tile tile_of(int64_t rows, std::integer_sequence<int, R...>) {
  static constexpr Tile tiles[] = {tile<R + 1, V, Step, Add>...};
  return tiles[rows - 1];
}
template <int V, int Step>
inline Tile tile_of(int64_t rows, bool add) {
  constexpr std::make_integer_sequence<int, kRows> all;
  return add ? tile_of<V, Step, true>(rows, all) : tile_of<V, Step, false>(rows, all);
}
inline Tile tile_of(int64_t rows, bool wide, bool packed, bool add) {
  if (packed) return wide ? tile_of<2, kPanel>(rows, add) : tile_of<1, kPanel>(rows, add);
  return wide ? tile_of<2, 1>(rows, add) : tile_of<1, 1>(rows, add);
}

// The first n of 32 numbers.
inline uint32_t first(int64_t n) { return n >= 32 ? ~0u : n <= 0 ? 0u : (1u << n) - 1; }
inline Narrow load_first(const bf16* from, int64_t n) {
  return (Narrow)_mm512_maskz_loadu_epi16(first(n), from);
}
// The same of floats, rounded.
inline Narrow load_first(const float* from, int64_t n) {
  const uint32_t all = first(n);
  return narrowed((Vec)_mm512_maskz_loadu_ps(__mmask16(all), from),
                  (Vec)_mm512_maskz_loadu_ps(__mmask16(all >> kLanes), from + kLanes));
}

// The first n of 16 numbers as float; the others are 0.
inline Vec widened(const bf16* from, int64_t n) {
  using namespace vectors;
  return n >= kLanes ? read<Brains>(from, Whole()) : read<Brains>(from, Part{int(n)});
}

// Packs a panel of V vectors of columns, of which `columns` are there and the others are 0, and `depth`
// numbers of each; where that is odd a 0 follows. Here a column's numbers are neighbours, columns `line`
// apart.
template <int V, typename T>
void pack_columns(Word* to, const T* from, int64_t line, int64_t columns, int64_t depth) {
  constexpr int64_t kAhead = 256;  // bytes; memory is asked for that much earlier
  const int64_t words = (depth + 1) / 2;
  for (int v = 0; v < V; ++v, from += kLanes * line, columns -= kLanes) {
    for (int64_t w = 0; w < words; w += kLanes) {
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        const T* at = from + l * line + 2 * w;
        x[l] = l < columns ? (Vec)load_first(at, depth - 2 * w) : Vec{};
        if (l < columns) __builtin_prefetch(reinterpret_cast<const char*>(at) + kAhead);
      }
      attention_detail::transpose(x);
      Word* row = to + w * V * kLanes + v * kLanes;
      if (words - w >= kLanes) {
#pragma GCC unroll 16
        for (int l = 0; l < kLanes; ++l) store(row + l * V * kLanes, x[l]);
      } else {
        for (int l = 0; l < words - w; ++l) store(row + l * V * kLanes, x[l]);
      }
    }
  }
}

// The same where columns are neighbours, and a column's numbers `line` apart.
template <int V, typename T>
void pack_rows(Word* to, const T* from, int64_t line, int64_t columns, int64_t depth) {
  for (int64_t k = 0; k < depth; k += 2, from += 2 * line, to += V * kLanes) {
    __builtin_prefetch(from + 16 * line);
    __builtin_prefetch(from + 17 * line);
    const Narrow a = load_first(from, columns),
                 b = k + 1 < depth ? load_first(from + line, columns) : Narrow{};
    using Each = std::make_integer_sequence<int, 2 * kLanes>;
    store(to, attention_detail::interleaved<0>(a, b, Each()));
    if (V == 2) store(to + kLanes, attention_detail::interleaved<kLanes>(a, b, Each()));
  }
}

template <typename T>
void pack(Word* to, bool wide, bool neighbours, const T* from, int64_t line, int64_t columns, int64_t depth) {
  if (neighbours)
    (wide ? pack_columns<2, T> : pack_columns<1, T>)(to, from, line, columns, depth);
  else
    (wide ? pack_rows<2, T> : pack_rows<1, T>)(to, from, line, columns, depth);
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
