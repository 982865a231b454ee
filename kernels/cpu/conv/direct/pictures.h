// Pictures as products of tiles read them: 32 channels of a pixel are one place of 64 bytes, a row's pixels
// are neighbours, rows follow each other, and the zeros around a picture lie between them: those at the end
// of a row are the next one's first, and those below a picture are the next picture's upper ones. So the
// pixels under a tap are as far from an output's place everywhere, and any 16 places are a tile's rows.
// Between two rows of outputs are places that hold none.
#pragma once
#include "../../../executor/shapes/product/conv2d.h"
#include "amx_tiles.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace amx_conv {

struct Pictures {
  Conv2dShape g;
  int64_t width, height;  // places of a row, and rows of a picture

  explicit Pictures(const Conv2dShape& g)
      : g(g),
        width(std::max({g.W + g.left, g.W + g.right, g.width})),
        height(std::max({g.H + g.top, g.H + g.bottom, g.height})) {}

  int64_t steps() const { return g.I / kChannels; }
  // Rows of outputs, all pictures'.
  int64_t rows() const { return (g.N - 1) * height + g.height; }
  // Places under so many rows of outputs and their tiles. Odd, so that steps do not lie a power of two apart.
  int64_t places(int64_t many) const { return ((many + g.KH - 1) * width + kTile + g.KW) | 1; }
  int64_t bytes(int64_t many) const { return places(many) * steps() * kPlaceBytes; }
  int64_t most_tiles(int64_t many) const { return many * ((g.width + kTile - 1) / kTile); }
  int64_t offset(int64_t tap) const { return (tap / g.KW * width + tap % g.KW) * kPlaceBytes; }
};

// Some rows of outputs, [first, first + many), and the places under them.
struct Region {
  const Pictures& p;
  int64_t first, many;
  char* places;

  int64_t apart() const { return p.places(many) * kPlaceBytes; }
  int64_t bytes() const { return p.bytes(many); }
  int64_t lines() const { return many + p.g.KH - 1; }  // rows of places

  // One row of places, and behind the last one what tiles reach.
  void lay(const bf16* x, int64_t line) const {
    const Conv2dShape& g = p.g;
    const int64_t n = (first + line) / p.height, row = (first + line) % p.height - g.top;
    char* to = places + line * p.width * kPlaceBytes;
    if (n < g.N && row >= 0 && row < g.H) {
      // An input gradient's border is negative where the convolution's was wider than the kernel reaches.
      const int64_t before = std::max<int64_t>(g.left, 0), from = before - g.left, columns = g.W - from;
      zero(to, before);
      copy(to + before * kPlaceBytes, x + ((n * g.H + row) * g.W + from) * g.I, columns);
      zero(to + (before + columns) * kPlaceBytes, p.width - before - columns);
    } else {
      zero(to, p.width);
    }
    if (line == lines() - 1) zero(to + p.width * kPlaceBytes, kTile + g.KW);
  }

  // The places where tiles begin; how many.
  int64_t tiles(int32_t* at) const {
    int64_t count = 0;
    for (int64_t place = 0; place < many * p.width;) {
      const int64_t row = (first + place / p.width) % p.height, column = place % p.width;
      if (row >= p.g.height || column >= p.g.width) {
        place += p.width - column;
        continue;
      }
      at[count++] = int32_t(place);
      place += kTile;
    }
    return count;
  }

  // Calls f(pixel of y, k) for those of the 16 places from `place` on that hold an output.
  template <typename F>
  void each_output(int64_t place, const F& f) const {
    const Conv2dShape& g = p.g;
    int64_t row = place / p.width, column = place % p.width;
    int64_t n = (first + row) / p.height, down = (first + row) % p.height;
    int64_t pixel = (n * g.height + down) * g.width + column;
    for (int k = 0; k < kTile; ++k) {
      if (column < g.width && down < g.height) f(pixel++, k);
      if (++column < p.width) continue;
      column = 0;
      if (++row == many) return;
      if (++down == p.height) down = 0;
    }
  }

 private:
  void zero(char* to, int64_t count) const {
    for (int64_t step = 0; step < p.steps(); ++step) memset(to + step * apart(), 0, count * kPlaceBytes);
  }
  void copy(char* to, const bf16* x, int64_t count) const {
    const int64_t steps = p.steps(), apart = this->apart();
    for (; count > 0; --count, to += kPlaceBytes) {
      char* place = to;
      for (int64_t step = 0; step < steps; ++step, place += apart, x += kChannels)
        memcpy(place, x, kPlaceBytes);
    }
  }
};

}  // namespace amx_conv
}  // namespace EASEL_ISA
}  // namespace easel
#endif
