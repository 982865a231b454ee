// See winograd.h. Compute-bound: 16 products of (tiles, I) and (I, O) are most of the work. Tiles are taken a
// few MiB at a time: their transformed pixels stay in a cache that threads share, and a thread makes the
// transformed weights of a panel of outputs anew for each, which costs as much as multiplying 4 tiles. Kept,
// they would take 16/9 of the weights' memory.
#include "winograd.h"

#include <cstdlib>

#include "../vectors/ratios.h"
#include "weight_offsets.h"
#include "winograd_tiles.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

// Bytes of transformed pixels at a time; so many tiles also where they take up to kMost.
constexpr int64_t kBytes = 4 << 20, kTiles = 128, kMost = 12 << 20;
constexpr int64_t kPart = 18 * kRows;  // tiles whose sums a thread holds at a time

// The size of the fewest parts of n that are no larger than `most`.
int64_t in_equal_parts(int64_t n, int64_t most) {
  return ratio_up(n, ratio_up(n, std::max<int64_t>(most, 1)));
}

// How the work is cut up.
struct Cut {
  int64_t across, down, tiles;  // tiles of a picture, and of all
  int64_t steps, depth;         // input channels: so many products, each over so many
  int64_t together, panels;     // tiles at a time; their output channels
  int64_t part;                 // tiles at a time of one thread
  Cut(const Conv2dShape& g, int threads)
      : across(ratio_up(g.width, 2)),
        down(ratio_up(g.height, 2)),
        tiles(g.N * across * down),
        steps(ratio_up(g.I, kDepth)),
        depth(ratio_up(ratio_up(g.I, steps), kLanes) * kLanes),
        together(in_equal_parts(tiles, std::max(kBytes / bytes(), std::min(kTiles, kMost / bytes())))),
        panels(ratio_up(g.O, kPanel)),
        part(std::min(together, std::clamp<int64_t>(together * panels / (4 * threads), kRows, kPart))) {}
  // Of one tile's transformed pixels.
  int64_t bytes() const { return steps * 16 * kDepth * int64_t(sizeof(float)); }
  // Arrays of 16 do not lie a power of two apart.
  int64_t pixels_apart() const { return together * kDepth + 16; }
  int64_t sums_apart() const { return part * kPanel + 16; }
  static constexpr int64_t kWeightsApart = kDepth * kPanel + 16;
  int64_t pixels() const { return steps * 16 * pixels_apart(); }
  int64_t own() const { return 16 * (sums_apart() + kWeightsApart); }
};

// One run, with its addresses.
template <typename T>
struct Convolution {
  const Conv2dShape& g;
  const Cut& cut;
  const WeightOffsets& w;
  const T *weights, *x;
  T* y;
  const T *bias, *residual, *zeros;  // zeros: a pixel outside of the picture
  float *pixels, *own;

  struct Tile {
    int64_t n, row, column;  // of its first output
  };
  Tile tile(int64_t t) const {
    return {t / (cut.across * cut.down), t / cut.across % cut.down * 2, t % cut.across * 2};
  }

  void transform_tile(int64_t t, int64_t at) const {
    const Tile tile = this->tile(t);
    const T* from[16];
    for (int k = 0; k < 16; ++k) {
      const int64_t r = tile.row + k / 4 - g.top, c = tile.column + k % 4 - g.left;
      const bool inside = r >= 0 && r < g.H && c >= 0 && c < g.W;
      from[k] = inside ? x + ((tile.n * g.H + r) * g.W + c) * g.I : zeros;
    }
    for (int64_t step = 0; step < cut.steps; ++step) {
      const int64_t first = step * cut.depth, many = std::min(cut.depth, g.I - first);
      float* to = pixels + step * 16 * cut.pixels_apart() + at * kDepth;
      int64_t c = 0;
      for (; c + kLanes <= many; c += kLanes)
        transform_pixels<Lanes>(to + c, cut.pixels_apart(), from, first + c);
      for (; c < many; ++c) transform_pixels<float>(to + c, cut.pixels_apart(), from, first + c);
    }
  }

  // Transformed weights of one panel of outputs, from one step's input channels.
  void make_weights(float* to, int64_t panel, int64_t step) const {
    const int64_t first = step * cut.depth, last = std::min(first + cut.depth, g.I);
    for (int64_t o = panel * kPanel, lane = 0; lane < kPanel; o += kLanes, lane += kLanes)
      for (int64_t c = first; c < last; c += kLanes)
        make_block(to + (c - first) * kPanel + lane, o, c, std::min<int64_t>(kLanes, last - c));
  }

  // Of kLanes outputs, from `many` input channels.
  void make_block(float* to, int64_t o, int64_t c, int64_t many) const {
    static constexpr int64_t kBeside[9] = {0,          kLanes,     2 * kLanes, 3 * kLanes, 4 * kLanes,
                                           5 * kLanes, 6 * kLanes, 7 * kLanes, 8 * kLanes};
    alignas(64) float block[kLanes][9][kLanes];
    const bool whole = o + kLanes <= g.O && many == kLanes;
    const auto run = [](const std::vector<int64_t>& at, int64_t k) {
      return at[k + kLanes - 1] - at[k] == kLanes - 1;
    };
    const bool direct = o + kLanes <= g.O && run(w.outputs, o);
    if (!direct && whole && run(w.inputs, c))
      transpose_block(block, o, c);
    else if (!direct)
      gather_block(block, o, c, many);
    for (int64_t k = 0; k < many; ++k, to += kPanel)
      if (direct)
        transform_weights(to, Cut::kWeightsApart, weights + w.outputs[o] + w.inputs[c + k], w.taps.data());
      else
        transform_weights(to, Cut::kWeightsApart, &block[k][0][0], kBeside);
  }

  void transpose_block(float (*block)[9][kLanes], int64_t o, int64_t c) const {
    for (int tap = 0; tap < 9; ++tap) {
      Lanes rows[kLanes];
#pragma GCC unroll 16
      for (int n = 0; n < kLanes; ++n)
        rows[n] = load<Lanes>(weights + w.outputs[o + n] + w.inputs[c] + w.taps[tap]);
      transpose(rows);
#pragma GCC unroll 16
      for (int n = 0; n < kLanes; ++n) store(block[n][tap], rows[n]);
    }
  }

  void gather_block(float (*block)[9][kLanes], int64_t o, int64_t c, int64_t many) const {
    for (int n = 0; n < kLanes; ++n)
      for (int64_t k = 0; k < many; ++k)
        for (int tap = 0; tap < 9; ++tap)
          block[k][tap][n] =
              o + n < g.O ? to_float(weights[w.outputs[o + n] + w.inputs[c + k] + w.taps[tap]]) : 0.0f;
  }

  template <typename V>
  void finish_outputs(const float* sums, const int64_t (&to)[4], int64_t o) const {
    V v[4];
    transform_sums<V>(v, sums, cut.sums_apart());
    for (int k = 0; k < 4; ++k) {
      if (to[k] < 0) continue;
      if (bias) v[k] += load<V>(bias + o);
      if (residual) v[k] += load<V>(residual + to[k] + o);
      store(y + to[k] + o, v[k]);
    }
  }

  void finish_tile(const float* sums, int64_t t, int64_t panel) const {
    const Tile tile = this->tile(t);
    int64_t to[4];
    for (int k = 0; k < 4; ++k) {
      const int64_t r = tile.row + k / 2, c = tile.column + k % 2;
      to[k] = r < g.height && c < g.width ? ((tile.n * g.height + r) * g.width + c) * g.O : -1;
    }
    const int64_t first = panel * kPanel, many = std::min<int64_t>(kPanel, g.O - first);
    int64_t o = 0;
    for (; o + kLanes <= many; o += kLanes) finish_outputs<Lanes>(sums + o, to, first + o);
    for (; o < many; ++o) finish_outputs<float>(sums + o, to, first + o);
  }

  // Outputs of one panel for tiles first + [at, at + many), whose pixels are transformed.
  void multiply_tiles(int64_t panel, int64_t first, int64_t at, int64_t many) const {
    float* const sums = own + omp_get_thread_num() * cut.own();
    float* const made = sums + 16 * cut.sums_apart();
    for (int64_t step = 0; step < cut.steps; ++step) {
      make_weights(made, panel, step);
      const int64_t depth = std::min(cut.depth, g.I - step * cut.depth);
      for (int k = 0; k < 16; ++k)
        multiply_rows(sums + k * cut.sums_apart(),
                      pixels + (step * 16 + k) * cut.pixels_apart() + at * kDepth,
                      made + k * Cut::kWeightsApart, many, depth, step > 0);
    }
    for (int64_t t = 0; t < many; ++t) finish_tile(sums + t * kPanel, first + at + t, panel);
  }

  void run() const {
    for (int64_t first = 0; first < cut.tiles; first += cut.together) {
      const int64_t many = std::min(cut.together, cut.tiles - first), parts = ratio_up(many, cut.part);
      parallel_for(many, (1 << 12) / g.I + 1, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) transform_tile(first + t, t);
      });
      parallel_for(cut.panels * parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
          const int64_t at = many * (k % parts) / parts, next = many * (k % parts + 1) / parts;
          multiply_tiles(k / parts, first, at, next - at);
        }
      });
    }
  }
};

}  // namespace

// Measured over the shapes of SD1.5's and SDXL's models (docs/benchmarks.md): with fewer channels parts of
// panels are empty, with fewer tiles making the weights takes longer than what is saved. Below kLeast, some
// milliseconds, models are small, and stay as near to PyTorch's rounding as direct sums are.
bool winograd_pays(const Conv2dShape& g) {
  if (g.KH != 3 || g.KW != 3 || g.stride != 1) return false;
  const char* wanted = getenv("EASEL_CPU_WINOGRAD");  // for tests
  if (wanted && !strcmp(wanted, "always")) return true;
  if (wanted && !strcmp(wanted, "never")) return false;
  constexpr int64_t kLeast = 8 << 20;  // pairs of channels, over all tiles
  const int64_t tiles = Cut(g, 1).tiles;
  return kLanes > 4 && g.I >= 32 && g.O >= 32 && tiles >= 16 && tiles * g.I * g.O >= kLeast;
}

namespace {

template <typename T>
Run prepare(const Instruction& i, const FloatOperands& c) {
  const Cut cut(c.g, i.threads());
  const size_t zero_bytes = size_t(c.g.I) * sizeof(T);
  const Scratch zeros = i.scratch(zero_bytes), pixels = i.scratch(size_t(cut.pixels()) * sizeof(float)),
                own = i.scratch(size_t(i.threads() * cut.own()) * sizeof(float));
  return [=, offsets = WeightOffsets(Relayout::offsets(c.layout), c.reversed)] {
    memset(zeros.get(), 0, zero_bytes);
    const auto at = [](char* place) { return reinterpret_cast<T*>(place); };
    const Convolution<T> run{c.g,
                             cut,
                             offsets,
                             at(c.w),
                             at(c.x),
                             at(c.y),
                             at(c.bias),
                             at(c.residual),
                             zeros.get<T>(),
                             pixels.get<float>(),
                             own.get<float>()};
    run.run();
  };
}

}  // namespace

Run winograd(const Instruction& i, const FloatOperands& c) {
  return dispatch(i, i.out(0).dtype, [&](auto type) { return prepare<typename decltype(type)::type>(i, c); });
}

}  // namespace EASEL_ISA
}  // namespace easel
