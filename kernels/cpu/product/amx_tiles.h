// Tiles of bf16 products by AMX: 32 rows by 32 columns are four tiles of sums, for which a step of 16 words
// loads two tiles of a and two of b. Rows of a are taken where they lie, b packed as product_tiles.h tells.
#pragma once
#include "../vectors/amx.h"
#include "product_sums.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {

constexpr int64_t kStep = amx::kTile;  // words
constexpr int64_t kStepNumbers = 2 * kStep;
constexpr int64_t kTileBytes = 1024;

// A part of the sum: a's rows, `line` bytes apart, of which each step takes 64 bytes, `advance` behind those
// of the last one.
struct Steps {
  const char* a;
  int64_t line, advance, count;
};

// sums (16 R, 16 C; rows kPanel apart) = (or +=) the steps' products, one after the other.
template <int R, int C>
void add_tiles(const Steps* from, const Steps* end, const Word* b, float* sums, bool add, Ahead* ahead) {
  constexpr int64_t kLow = 16 * kPanel;  // numbers to the lower tiles' sums
  constexpr int64_t kBytes = 4 * kPanel, kLineB = C * 64;
  if (add) {
    amx::load<0>(sums, kBytes);
    if (C > 1) amx::load<1>(sums + kLanes, kBytes);
    if (R > 1) amx::load<2>(sums + kLow, kBytes);
    if (R > 1 && C > 1) amx::load<3>(sums + kLow + kLanes, kBytes);
  } else {
    amx::clear<0>();
    amx::clear<1>();
    amx::clear<2>();
    amx::clear<3>();
  }
  for (const Steps* s = from; s < end; ++s) {
    const char *high = s->a, *low = high + 16 * s->line;
    for (int64_t n = s->count; n > 0; --n, high += s->advance, low += s->advance, b += kStep * C * kLanes) {
      amx::load_past<6>(b, kLineB);
      if (C > 1) amx::load_past<7>(b + kLanes, kLineB);
      amx::load<4>(high, s->line);
      if (R > 1) amx::load<5>(low, s->line);
      amx::multiply_add<0, 4, 6>();
      if (C > 1) amx::multiply_add<1, 4, 7>();
      if (R > 1) amx::multiply_add<2, 5, 6>();
      if (R > 1 && C > 1) amx::multiply_add<3, 5, 7>();
      ahead[0].ask();
      ahead[1].ask();
    }
  }
  amx::store<0>(sums, kBytes);
  if (C > 1) amx::store<1>(sums + kLanes, kBytes);
  if (R > 1) amx::store<2>(sums + kLow, kBytes);
  if (R > 1 && C > 1) amx::store<3>(sums + kLow + kLanes, kBytes);
}

inline auto add_tiles_of(int64_t rows, int64_t columns) {
  const bool few = rows <= kLanes, narrow = columns <= kLanes;
  return few ? narrow ? add_tiles<1, 1> : add_tiles<1, 2> : narrow ? add_tiles<2, 1> : add_tiles<2, 2>;
}

// Rows of a for steps, 32 by a step's words, 0 where there are none: where they lie, a row's numbers are
// neighbours, rows `line` apart.
inline void pack_a_rows(Word* to, const bf16* from, int64_t line, int64_t rows, int64_t depth) {
  for (int64_t k = 0; k < depth; k += kStepNumbers)
    for (int64_t r = 0; r < kPanel; ++r, to += kStep)
      store(to, r < rows ? (Vec)load_first(from + r * line + k, depth - k) : Vec{});
}

// The same of a transposed a, of any number of rows, 32 after 32 `apart` words: a column's numbers are
// neighbours, columns `line` apart.
inline void pack_a_columns(Word* to, int64_t apart, const bf16* from, int64_t line, int64_t rows,
                           int64_t depth) {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  for (int64_t k = 0; k < depth; k += kStepNumbers, to += kPanel * kStep) {
    for (int64_t r = 0; r < rows; r += kPanel) {
      Vec low[kLanes], high[kLanes];
#pragma GCC unroll 16
      for (int w = 0; w < kLanes; ++w) {
        const int64_t at = k + 2 * w;
        const bf16* column = from + at * line + r;
        const Narrow one = at < depth ? load_first(column, rows - r) : Narrow{},
                     other = at + 1 < depth ? load_first(column + line, rows - r) : Narrow{};
        low[w] = (Vec)attention_detail::interleaved<0>(one, other, Each());
        high[w] = (Vec)attention_detail::interleaved<kLanes>(one, other, Each());
      }
      attention_detail::transpose(low);
      attention_detail::transpose(high);
      Word* const row = to + r / kPanel * apart;
#pragma GCC unroll 16
      for (int w = 0; w < kLanes; ++w) {
        store(row + w * kStep, low[w]);
        store(row + (kLanes + w) * kStep, high[w]);
      }
    }
  }
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
