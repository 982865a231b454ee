// Products of matrices by tiles of AMX, wherever their tiles lie: sums of up to six tiles at a time.
#pragma once
#include "amx_panels.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

using amx::kTile;
constexpr int64_t kTileBytes = kTileWords * int64_t(sizeof(Word));

// Where a product's tiles are: bytes from a tile's row to the next, to the tile beside it, and to the next
// one along the sum.
struct Tiles {
  const void* at;
  int64_t line, beside, along;
  const char* tile(int64_t k) const { return static_cast<const char*>(at) + k * beside; }
};

template <int T>
[[gnu::always_inline]] inline void begin(bool fresh, const float* sum, int64_t bytes) {
  if (fresh)
    amx::clear<T>();
  else
    amx::load<T>(sum, bytes);
}

// sum (R, C tiles, rows `line` floats apart) += a b, of `steps` tiles along the sum; `fresh`: from 0 on. Of
// two by two a tile is loaded for each product.
template <int R, int C>
void tile_product(const Tiles& a, const Tiles& b, int64_t steps, bool fresh, float* sum, int64_t line) {
  const int64_t bytes = 4 * line;
  float* below = sum + kTile * line;
  begin<0>(fresh, sum, bytes);
  if constexpr (C == 2) begin<1>(fresh, sum + kTile, bytes);
  if constexpr (R == 2) begin<2>(fresh, below, bytes);
  if constexpr (R == 2 && C == 2) begin<3>(fresh, below + kTile, bytes);
  const char *from_a = a.tile(0), *from_b = b.tile(0);
  for (int64_t k = 0; k < steps; ++k, from_a += a.along, from_b += b.along) {
    amx::load<6>(from_b, b.line);
    amx::load<4>(from_a, a.line);
    amx::multiply_add<0, 4, 6>();
    if constexpr (C == 2) {
      amx::load<7>(from_b + b.beside, b.line);
      amx::multiply_add<1, 4, 7>();
    }
    if constexpr (R == 2) {
      amx::load<5>(from_a + a.beside, a.line);
      amx::multiply_add<2, 5, 6>();
    }
    if constexpr (R == 2 && C == 2) amx::multiply_add<3, 5, 7>();
  }
  amx::store<0>(sum, bytes);
  if constexpr (C == 2) amx::store<1>(sum + kTile, bytes);
  if constexpr (R == 2) amx::store<2>(below, bytes);
  if constexpr (R == 2 && C == 2) amx::store<3>(below + kTile, bytes);
}

// The same of two by three tiles or three by two: of these many no tile of the other operands stays in a
// register, but sums are read and written at once, and most of what is multiplied is loaded once.
template <int R, int C>
void tile_product_of_six(const Tiles& a, const Tiles& b, int64_t steps, bool fresh, float* sum,
                         int64_t line) {
  static_assert(R * C == 6);
  const int64_t bytes = 4 * line;
  const auto of = [=](int tile) { return sum + tile / C * kTile * line + tile % C * kTile; };
  begin<0>(fresh, of(0), bytes);
  begin<1>(fresh, of(1), bytes);
  begin<2>(fresh, of(2), bytes);
  begin<3>(fresh, of(3), bytes);
  begin<4>(fresh, of(4), bytes);
  begin<5>(fresh, of(5), bytes);
  const char *from_a = a.tile(0), *from_b = b.tile(0);
  for (int64_t k = 0; k < steps; ++k, from_a += a.along, from_b += b.along) {
    amx::load<6>(from_a, a.line);
    amx::load<7>(from_b, b.line);
    amx::multiply_add<0, 6, 7>();
    if constexpr (C == 3) {
      amx::load<7>(from_b + b.beside, b.line);
      amx::multiply_add<1, 6, 7>();
      amx::load<7>(from_b + 2 * b.beside, b.line);
      amx::multiply_add<2, 6, 7>();
      amx::load<6>(from_a + a.beside, a.line);
      amx::multiply_add<5, 6, 7>();
      amx::load<7>(from_b + b.beside, b.line);
      amx::multiply_add<4, 6, 7>();
      amx::load<7>(from_b, b.line);
      amx::multiply_add<3, 6, 7>();
    } else {
      amx::load<6>(from_a + a.beside, a.line);
      amx::multiply_add<2, 6, 7>();
      amx::load<6>(from_a + 2 * a.beside, a.line);
      amx::multiply_add<4, 6, 7>();
      amx::load<7>(from_b + b.beside, b.line);
      amx::multiply_add<5, 6, 7>();
      amx::load<6>(from_a + a.beside, a.line);
      amx::multiply_add<3, 6, 7>();
      amx::load<6>(from_a, a.line);
      amx::multiply_add<1, 6, 7>();
    }
  }
  amx::store<0>(of(0), bytes);
  amx::store<1>(of(1), bytes);
  amx::store<2>(of(2), bytes);
  amx::store<3>(of(3), bytes);
  amx::store<4>(of(4), bytes);
  amx::store<5>(of(5), bytes);
}

// The same of so many tiles.
inline void tiles_product(Tiles a, int64_t rows, const Tiles& b, int64_t columns, int64_t steps, bool fresh,
                          float* sum, int64_t line) {
  if (rows == 3 && columns == 2) return tile_product_of_six<3, 2>(a, b, steps, fresh, sum, line);
  for (int64_t r = 0; r < rows; r += 2, a.at = a.tile(2)) {
    if (rows - r >= 2 && columns == 3) {
      tile_product_of_six<2, 3>(a, b, steps, fresh, sum + r * kTile * line, line);
      continue;
    }
    Tiles beside = b;
    for (int64_t c = 0; c < columns; c += 2) {
      const bool two = r + 1 < rows, wide = c + 1 < columns;
      const auto product = two    ? wide ? tile_product<2, 2> : tile_product<2, 1>
                              : wide ? tile_product<1, 2>
                                  : tile_product<1, 1>;
      product(a, beside, steps, fresh, sum + r * kTile * line + c * kTile, line);
      beside.at = beside.tile(2);
    }
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
