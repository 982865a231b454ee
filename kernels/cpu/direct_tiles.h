// Tiles of direct convolutions in bf16: some pixels' sums of 32 outputs, and the weights of an input
// gradient.
#pragma once
#include "attention_tiles.h"
#include "direct_weights.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace direct_detail {

using attention_detail::load;
using attention_detail::spread;
using attention_detail::store;
using attention_detail::Vec;
using attention_detail::Word;

constexpr int kPixels = 8;  // of a tile of kPanel outputs: with more sums processors look ahead less far

// An output pixel: where the input pixels under its kernel begin, and its sums of kPanel outputs.
struct Pixel {
  const Word* x;
  float* sums;
};

// Words that follow each other in the picture and in the weights: a tap's, or those of a row of taps.
struct Stretch {
  int64_t x;  // from the pixel's beginning
  const Word* w;
  const char* ahead;  // weights that come later: their memory is asked for meanwhile
};

// Of a stretch's memory ahead: blocks, so many bytes apart.
struct Ahead {
  int64_t blocks, apart;
};
constexpr int64_t kBlockBytes = kBlock * int64_t(sizeof(bf16)), kLine = 64, kLines = kBlockBytes / kLine;

// Adds the stretches, each of so many words, to the sums of R pixels. With each word a line is asked for,
// from `at` on.
template <int R>
void tile(const Pixel* pixels, const Stretch* stretches, int64_t many, int64_t words, int64_t at,
          int64_t apart) {
  Vec sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) sums[r][v] = load(pixels[r].sums + v * kLanes);
  for (const Stretch* s = stretches; s < stretches + many; ++s) {
    // Or GCC keeps what this points to in vector registers, from where it comes back behind all products.
    const Pixel* from = pixels;
    asm("" : "+r"(from));
    const Word *x[R], *w = s->w;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = from[r].x + s->x;
    const char* ahead = s->ahead + at;
    for (int64_t k = 0; k < words; ++k, w += kPanel) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += k % kLines == kLines - 1 ? apart - (kLines - 1) * kLine : kLine;
      const Vec a = load(w), b = load(w + kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Vec pair = spread(x[r][k]);
        sums[r][0] = attention_detail::multiply_add<bf16>(sums[r][0], pair, a);
        sums[r][1] = attention_detail::multiply_add<bf16>(sums[r][1], pair, b);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) store(pixels[r].sums + v * kLanes, sums[r][v]);
}

using Tile = void (*)(const Pixel*, const Stretch*, int64_t, int64_t, int64_t, int64_t);
template <int... R>
constexpr Tile tile_of(std::integer_sequence<int, R...>, int64_t pixels) {
  constexpr Tile all[] = {tile<R + 1>...};
  return all[pixels - 1];
}

// The same for any number of pixels, in tiles of nearly one size that share what lies ahead.
inline void multiply(const Pixel* pixels, int64_t many, const Stretch* stretches, int64_t count,
                     int64_t words, Ahead ahead) {
  const int64_t tiles = (many + kPixels - 1) / kPixels;
  for (int64_t n = 0; n < tiles; ++n) {
    const int64_t from = many * n / tiles, next = many * (n + 1) / tiles;
    tile_of(std::make_integer_sequence<int, kPixels>(), next - from)(
        pixels + from, stretches, count, words, ahead.blocks * n / tiles * ahead.apart, ahead.apart);
  }
}

}  // namespace direct_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
