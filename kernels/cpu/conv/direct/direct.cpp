// See direct.h. Compute-bound. Threads take panels of 32 outputs for some pixels, whichever is next, so that
// a slow one holds nobody back; every output is the same sum in the same order: parts of the input channels,
// taps, channels. Taps outside of the picture are left out: of 8x8 pixels a sixth of 3x3 kernels.
#include "direct.h"

#include <atomic>

#include "../../product/product_tiles.h"
#include "../../vectors/amx.h"
#include "by_tiles.h"
#include "direct_tiles.h"

namespace easel {
inline namespace EASEL_ISA {

// Whether the processor multiplies whole tiles.
static bool by_tiles() {
#if defined(__AVX512BW__)
  return amx::serves();
#else
  return false;
#endif
}

// 32 outputs of as many inputs at one tap lie together, by words of two inputs. Tiles want all taps of 32
// inputs one behind the other, vectors all inputs of a tap.
dnnl::memory::desc direct_weights(int64_t O, int64_t I, int64_t KH, int64_t KW) {
  dnnl::memory::desc desc({O, I, KH, KW}, dnnl::memory::data_type::bf16, dnnl::memory::format_tag::oihw);
  auto& blocking = desc.data.format_desc.blocking;
  const int64_t all = KH * KW * I * 32, taps[] = {all, KH * KW * 1024, KW * 1024, 1024},
                inputs[] = {all, 64, KW * I * 32, I * 32};
  const bool tiles = by_tiles();
  std::copy_n(tiles ? taps : inputs, 4, blocking.strides);
  const int64_t blocks[] = {16, 32, 2}, axes[] = {1, 0, 1};
  blocking.inner_nblks = tiles ? 3 : 2;
  std::copy_n(blocks + !tiles, blocking.inner_nblks, blocking.inner_blks);
  std::copy_n(axes + !tiles, blocking.inner_nblks, blocking.inner_idxs);
  return desc;
}

#if defined(__AVX512BW__)
namespace {

using namespace direct_detail;

// Pixels and input channels at a time: their weights, pixels and sums fit the second-level cache. Weights
// that are turned or packed are made anew for the next pixels.
constexpr int64_t kTogether = 512, kDepth = 640, kMadeDepth = 320;

// What a thread works with. Pixels inside have all of their taps in the picture.
struct Own {
  alignas(64) float sums[kTogether * kPanel];
  Pixel inside[kTogether], border[kTogether], some[kTogether];
  int32_t rows[kTogether], columns[kTogether];  // of the border pixels' kernels
  int64_t insides, borders;
  alignas(64) bf16 made[1];  // a step's weights, and room for those of kPanel channels
};

// How the work is cut up.
struct Cut {
  int64_t taps, steps, depth;  // so many products, each over so many input channels at most
  int64_t pixels, parts, panels;
  bool by_panel;  // the next item has other pixels of the same panel, not another panel of the same pixels
  Cut(const Conv2dShape& g, bool make)
      : taps(g.taps()),
        steps(ratio_up(g.I, make ? kMadeDepth : kDepth)),
        depth(ratio_up(g.I / kPanel, steps) * kPanel),
        pixels(g.N * g.height * g.width),
        parts(ratio_up(pixels, kTogether)),
        panels(g.O / kPanel),
        by_panel(g.O * taps > g.N * g.H * g.W) {}
  int64_t items() const { return panels * parts; }
  int64_t panel(int64_t item) const { return by_panel ? item / parts : item % panels; }
  int64_t part(int64_t item) const { return by_panel ? item % parts : item / panels; }
};

// One run, with its addresses.
struct Convolution {
  const Conv2dShape& g;
  const Cut& cut;
  bool reversed, plain;
  const float* wide;  // plain weights in the place of w
  const bf16 *x, *w;
  bf16* y;
  const bf16 *bias, *residual;
  char* own;
  size_t own_bytes;

  bool make() const { return reversed || plain; }

  // Packed weights of a panel at a tap, from input channel `from` on. Reversed, as the forward convolution
  // reads them: the block of this panel of its inputs and the panel of its outputs that begins at `from`.
  const bf16* weights(int64_t panel, int64_t tap, int64_t from) const {
    return reversed ? w + ((from / kPanel * cut.taps + cut.taps - 1 - tap) * g.O + panel * kPanel) * kPanel
                    : w + ((panel * cut.taps + tap) * g.I + from) * kPanel;
  }

  void turn(bf16* to, int64_t panel, int64_t from, int64_t depth) const {
    for (int64_t c = from; c < from + depth; c += kPanel)
      for (int64_t tap = 0; tap < cut.taps; ++tap)
        turn_block(to + (tap * depth + c - from) * kPanel, weights(panel, tap, c));
  }

  // From a place in the file's layout, outputs so many channels apart; the next one will be `ahead` further.
  void pack_plain(bf16* to, int64_t apart, int64_t at, int64_t channels, int64_t ahead) const {
    const int64_t line = channels * cut.taps, next = ahead * cut.taps;
    if (wide)
      pack_blocks(to, apart, wide + at * cut.taps, line, cut.taps, next);
    else
      pack_blocks(to, apart, w + at * cut.taps, line, cut.taps, next);
  }

  void pack(bf16* to, int64_t panel, int64_t from, int64_t depth) const {
    for (int64_t c = from; c < from + depth; c += kPanel)
      pack_plain(to + (c - from) * kPanel, depth * kPanel, panel * kPanel * g.I + c, g.I, kPanel);
  }

  void pack_and_turn(bf16* to, int64_t panel, int64_t from, int64_t depth) const {
    bf16* const blocks = to + cut.taps * cut.depth * kPanel;
    for (int64_t c = from; c < from + depth; c += kPanel) {
      pack_plain(blocks, kBlock, c * g.O + panel * kPanel, g.O, kPanel * g.O);
      for (int64_t tap = 0; tap < cut.taps; ++tap)
        turn_block(to + (tap * depth + c - from) * kPanel, blocks + (cut.taps - 1 - tap) * kBlock);
    }
  }

  void make_weights(bf16* to, int64_t panel, int64_t from, int64_t depth) const {
    if (!plain)
      turn(to, panel, from, depth);
    else if (reversed)
      pack_and_turn(to, panel, from, depth);
    else
      pack(to, panel, from, depth);
  }

  void sort_pixels(Own& o, int64_t panel, int64_t first, int64_t many) const {
    o.insides = o.borders = 0;
    for (int64_t p = 0; p < many; ++p) {
      const int64_t at = first + p, n = at / (g.height * g.width);
      const int64_t row = at / g.width % g.height - g.top, column = at % g.width - g.left;
      const Pixel pixel{reinterpret_cast<const Word*>(x) + ((n * g.H + row) * g.W + column) * (g.I / 2),
                        o.sums + p * kPanel, y + at * g.O + panel * kPanel};
      if (row >= 0 && column >= 0 && row + g.KH <= g.H && column + g.KW <= g.W) {
        o.inside[o.insides++] = pixel;
      } else {
        o.rows[o.borders] = int32_t(row), o.columns[o.borders] = int32_t(column);
        o.border[o.borders++] = pixel;
        std::fill_n(pixel.sums, kPanel, 0.0f);
      }
    }
  }

  // The border pixels whose input at this tap lies in the picture.
  int64_t pick_pixels(Own& o, int64_t tap) const {
    int64_t many = 0;
    for (int64_t k = 0; k < o.borders; ++k) {
      const int64_t row = o.rows[k] + tap / g.KW, column = o.columns[k] + tap % g.KW;
      if (row >= 0 && column >= 0 && row < g.H && column < g.W) o.some[many++] = o.border[k];
    }
    return many;
  }

  // One step of an item; `next` and `next_from` say which weights are wanted after it. Pixels inside are done
  // where there is an output.
  void multiply_step(Own& o, int64_t panel, int64_t from, int64_t next, int64_t next_from,
                     const Output* output) const {
    const int64_t depth = std::min(cut.depth, g.I - from), words = depth / 2;
    Stretch stretches[kTaps];
    if (make()) make_weights(o.made, panel, from, depth);
    for (int64_t tap = 0; tap < cut.taps; ++tap) {
      const bf16* at = make() ? o.made + tap * depth * kPanel : weights(panel, tap, from);
      const bf16* ahead = cut.by_panel && !plain ? weights(next, tap, next_from) : nullptr;
      stretches[tap] = {(tap / g.KW * g.W + tap % g.KW) * (g.I / 2) + from / 2,
                        reinterpret_cast<const Word*>(at), reinterpret_cast<const char*>(ahead)};
    }
    const int64_t blocks = depth / kPanel,
                  apart = reversed ? cut.taps * g.O / kPanel * kBlockBytes : kBlockBytes;
    if (depth == g.I && (!reversed || !stretches->ahead)) {  // a row of taps is one stretch
      Stretch rows[kTaps];
      for (int64_t row = 0; row < g.KH; ++row) rows[row] = stretches[row * g.KW];
      multiply(o.inside, o.insides, rows, g.KH, g.KW * words, {{g.KW * blocks, apart}, from == 0, output});
    } else {
      multiply(o.inside, o.insides, stretches, cut.taps, words, {{blocks, apart}, from == 0, output});
    }
    for (int64_t tap = 0; tap < cut.taps; ++tap)
      multiply(o.some, pick_pixels(o, tap), stretches + tap, 1, words, {{blocks, apart}, false, nullptr});
  }

  Output output(int64_t panel) const {
    Output output{y, residual, {}};
    for (int v = 0; bias && v < 2; ++v)
      output.bias[v] = vectors::Brains::read(bias + panel * kPanel + v * kLanes);
    return output;
  }

  void multiply_item(Own& o, int64_t item, int64_t next) const {
    const int64_t panel = cut.panel(item), part = cut.part(item);
    const int64_t first = cut.pixels * part / cut.parts, many = cut.pixels * (part + 1) / cut.parts - first;
    sort_pixels(o, panel, first, many);
    const Output output = this->output(panel);
    for (int64_t from = 0; from < g.I; from += cut.depth) {
      const bool last = from + cut.depth >= g.I;
      multiply_step(o, panel, from, last ? cut.panel(std::min(next, cut.items() - 1)) : panel,
                    last ? 0 : from + cut.depth, last ? &output : nullptr);
    }
    for (int64_t k = 0; k < o.borders; ++k)
      for (int v = 0; v < 2; ++v) output.write(o.border[k], v, load(o.border[k].sums + v * kLanes));
  }

  void run() const {
    std::atomic<int64_t> next{0};
    const int threads = int(std::min<int64_t>(omp_get_max_threads(), cut.items()));
#pragma omp parallel num_threads(threads)
    {
      Own& o = *reinterpret_cast<Own*>(own + size_t(omp_get_thread_num()) * own_bytes);
      for (int64_t item = next++; item < cut.items();) {
        const int64_t after = next++;
        multiply_item(o, item, after);
        item = after;
      }
    }
  }
};

}  // namespace

static bool direct_serves() {
  const char* wanted = getenv("EASEL_CPU_DIRECT");  // for tests
  return attention_detail::multiplies_bf16() && !(wanted && !strcmp(wanted, "never"));
}

bool direct_possible(const Conv2dShape& g, bool reversed) {
  const bool strides = g.stride == 1 || (reversed && by_tiles() && tiles_possible(g));
  return direct_serves() && strides && g.I % kPanel == 0 && g.O % kPanel == 0 && g.taps() <= kTaps;
}

bool rounds_weights() { return direct_serves(); }

Run direct(const Instruction& i, const Direct& c) {
  if (by_tiles()) return direct_by_tiles(i, c);
  const bool make = c.reversed || c.plain;
  const Cut cut(c.g, make);
  const size_t made = make ? size_t(cut.taps * (cut.depth + kPanel) * kPanel) * sizeof(bf16) : 0,
               own_bytes = (sizeof(Own) + made + 4095) / 4096 * 4096;
  const Scratch own = i.scratch(size_t(i.threads()) * own_bytes);
  return [=] {
    const auto numbers = [](char* data) { return reinterpret_cast<bf16*>(data); };
    const Convolution run{c.g,
                          cut,
                          c.reversed,
                          c.plain,
                          c.wide ? reinterpret_cast<const float*>(c.w.get()) : nullptr,
                          numbers(c.x),
                          numbers(c.w.get()),
                          numbers(c.y),
                          numbers(c.bias),
                          numbers(c.residual),
                          own.get(),
                          own_bytes};
    run.run();
  };
}

#else
bool direct_possible(const Conv2dShape&, bool) { return false; }
bool rounds_weights() { return false; }
Run direct(const Instruction& i, const Direct&) { i.fail("this level multiplies no bf16"); }
#endif

}  // namespace EASEL_ISA
}  // namespace easel
