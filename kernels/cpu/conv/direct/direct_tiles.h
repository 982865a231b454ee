// Tiles of direct convolutions in bf16: some pixels' sums of 32 outputs, and the weights of an input
// gradient.
#pragma once
#include "../../vectors/attention_tiles.h"
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

// An output pixel: where the input pixels under its kernel begin, its sums of kPanel outputs, and they
// themselves.
struct Pixel {
  const Word* x;
  float* sums;
  bf16* y;
};

// What becomes of sums: the outputs, with what is added to them.
struct Output {
  const bf16 *y, *residual;  // null where there is none
  Vec bias[2];
  void write(const Pixel& pixel, int v, Vec sum) const {
    sum += bias[v];
    bf16* const to = pixel.y + v * kLanes;
    if (residual) sum += vectors::Brains::read(residual + (to - y));
    vectors::RoundedBrains::write(to, sum);
  }
};

// Words that follow each other in the picture and in the weights: a tap's, or those of a row of taps. Memory
// is asked for meanwhile: of weights that come later or, where `ahead` is null, of the next pixels.
struct Stretch {
  int64_t x;  // from the pixel's beginning
  const Word* w;
  const char* ahead;
};

// Of a stretch's memory ahead: blocks, so many bytes apart.
struct Ahead {
  int64_t blocks, apart;
};
constexpr int64_t kBlockBytes = kBlock * int64_t(sizeof(bf16)), kLine = 64, kLines = kBlockBytes / kLine;
constexpr int64_t kNear = 12;  // bytes of the next pixels that are asked for with each word

// What a tile does: its first block of the memory ahead, whether sums begin at 0, and the output that they
// become, if any.
struct Task {
  Ahead ahead;
  bool fresh;
  const Output* output;
};

// Adds the stretches, each of so many words, to the sums of R pixels.
template <int R>
void tile(const Pixel* pixels, const Stretch* stretches, int64_t many, int64_t words, const Task& task) {
  Vec sums[R][2];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) sums[r][v] = task.fresh ? Vec{} : load(pixels[r].sums + v * kLanes);
  for (const Stretch* s = stretches; s < stretches + many; ++s) {
    // Or GCC keeps what this points to in vector registers, from where it comes back behind all products.
    const Pixel* from = pixels;
    asm("" : "+r"(from));
    const Word *x[R], *w = s->w;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) x[r] = from[r].x + s->x;
    const char* ask = s->ahead ? s->ahead + task.ahead.blocks * task.ahead.apart
                               : reinterpret_cast<const char*>(x[R - 1] + words);
    const int64_t pace = s->ahead ? kLine : kNear;
    const int64_t jump = s->ahead ? task.ahead.apart - (kLines - 1) * kLine : kNear;
    for (int64_t k = 0; k < words; ++k, w += kPanel) {
      __builtin_prefetch(ask);
      ask += k % kLines == kLines - 1 ? jump : pace;
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
    for (int v = 0; v < 2; ++v)
      if (task.output)
        task.output->write(pixels[r], v, sums[r][v]);
      else
        store(pixels[r].sums + v * kLanes, sums[r][v]);
}

using Tile = void (*)(const Pixel*, const Stretch*, int64_t, int64_t, const Task&);
template <int... R>
constexpr Tile tile_of(std::integer_sequence<int, R...>, int64_t pixels) {
  constexpr Tile all[] = {tile<R + 1>...};
  return all[pixels - 1];
}

// The same for any number of pixels, in tiles of nearly one size that share what lies ahead.
inline void multiply(const Pixel* pixels, int64_t many, const Stretch* stretches, int64_t count,
                     int64_t words, const Task& task) {
  const int64_t tiles = ratio_up(many, kPixels);
  for (int64_t n = 0; n < tiles; ++n) {
    const int64_t from = many * n / tiles, next = many * (n + 1) / tiles;
    const Ahead ahead{task.ahead.blocks * n / tiles, task.ahead.apart};
    tile_of(std::make_integer_sequence<int, kPixels>(), next - from)(pixels + from, stretches, count, words,
                                                                     {ahead, task.fresh, task.output});
  }
}

}  // namespace direct_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
