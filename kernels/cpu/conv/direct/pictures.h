// Pictures as products of tiles read them: 32 channels of a pixel are one place of 64 bytes, a row's pixels
// are neighbours, rows follow each other, and the zeros around a picture lie between them: those at the end
// of a row are the next one's first, and those below a picture are the next picture's upper ones. So the
// pixels under a tap are as far from an output's place everywhere, and any 16 places are a tile's rows.
// Between two rows of outputs are places that hold none.
//
// The input gradient of a stride of 2 would have zeros between pixels, which meet three of four taps. So its
// outputs are taken by phases: those of even rows and columns have taps of their own, and so on, and each
// phase is a convolution of the pixels alone.
#pragma once
#include <algorithm>

#include "../../../executor/shapes/product/conv2d.h"
#include "amx_tiles.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace amx_conv {

// One axis of a convolution whose pixels lie a stride apart, and of each of its phases.
struct Axis {
  int64_t stride, taps, reach;     // of the kernel, and of the most that a phase has
  int64_t outputs, before, after;  // of a phase, and the zeros around its pixels
  int64_t first;                   // the first phase's first output
  Axis(int64_t pixels, int64_t all, int64_t taps, int64_t stride, int64_t zeros)
      : stride(stride), taps(taps), reach((taps + stride - 1) / stride) {
    const int64_t lead = taps - 1 - zeros, from = lead / stride, last = (all - 1 + lead) / stride;
    outputs = last - from + 1;
    before = reach - 1 - from, after = last - (pixels - 1);
    first = from * stride - lead;
  }
};

// Some of the outputs: `stride` apart along both axes.
struct Phase {
  int64_t row, column;    // of the first, which may lie outside
  int64_t taps;           // that it has
  int64_t tap[kTaps];     // which of the kernel's they are, of a gradient
  int64_t offset[kTaps];  // of their pixels, in bytes
};

struct Pictures {
  Conv2dShape whole, g;  // g: a phase's
  Axis down, across;
  int64_t width, height;  // places of a row, and rows of a picture

  explicit Pictures(const Conv2dShape& c)
      : whole(c),
        g(c),
        down(c.H, c.height, c.KH, c.stride, c.top),
        across(c.W, c.width, c.KW, c.stride, c.left) {
    g.stride = 1;
    g.KH = down.reach, g.height = down.outputs, g.top = down.before, g.bottom = down.after;
    g.KW = across.reach, g.width = across.outputs, g.left = across.before, g.right = across.after;
    width = std::max({g.W + g.left, g.W + g.right, g.width});
    height = std::max({g.H + g.top, g.H + g.bottom, g.height});
  }
  // Whether zeros around its pixels are all that is wanted.
  bool possible() const { return std::min({g.top, g.left, g.bottom, g.right}) >= 0; }

  int64_t steps() const { return g.I / kChannels; }
  // Rows of outputs, all pictures'.
  int64_t rows() const { return (g.N - 1) * height + g.height; }
  // Places under so many rows of outputs and their tiles. Odd, so that steps do not lie a power of two apart.
  int64_t places(int64_t many) const { return ((many + g.KH - 1) * width + kTile + g.KW) | 1; }
  int64_t bytes(int64_t many) const { return places(many) * steps() * kPlaceBytes; }
  int64_t most_tiles(int64_t many) const { return many * ((g.width + kTile - 1) / kTile); }
  // The first has the most taps.
  int64_t phases() const { return whole.stride * whole.stride; }
  Phase phase(int64_t number) const {
    const int64_t row = number / whole.stride, column = number % whole.stride;
    Phase q{down.first + row, across.first + column, 0, {}, {}};
    for (int64_t r = 0; r < g.KH; ++r)
      for (int64_t c = 0; c < g.KW; ++c) {
        const int64_t kh = (g.KH - 1 - r) * whole.stride + row, kw = (g.KW - 1 - c) * whole.stride + column;
        if (kh >= whole.KH || kw >= whole.KW) continue;
        q.tap[q.taps] = kh * whole.KW + kw;
        q.offset[q.taps++] = (r * width + c) * kPlaceBytes;
      }
    return q;
  }
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

  // The pixels of y that the 16 places from `place` on are outputs of the phase for; -1 is none.
  void outputs(int64_t* pixels, int64_t place, const Phase& q) const {
    const Conv2dShape& all = p.whole;
    int64_t line = place / p.width, across = place % p.width;
    int64_t n = (first + line) / p.height, down = (first + line) % p.height;
    for (int k = 0; k < kTile; ++k) {
      const int64_t row = down * all.stride + q.row, column = across * all.stride + q.column;
      const bool some = line < many && across < p.g.width && down < p.g.height && row >= 0 &&
                        row < all.height && column >= 0 && column < all.width;
      pixels[k] = some ? (n * all.height + row) * all.width + column : -1;
      if (++across < p.width) continue;
      across = 0, ++line;
      if (++down == p.height) down = 0, ++n;
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
