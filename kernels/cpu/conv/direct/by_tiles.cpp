// See by_tiles.h. Compute-bound, but for small pictures, where reading the weights takes longer. Every
// output is the same sum in the same order: channels by 32, taps.
#include "by_tiles.h"

#include <atomic>

#include "pictures.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace amx_conv;

// Tiles and steps of channels at a time, whose pixels, weights and sums the second-level cache holds. Weights
// that are made serve more tiles.
constexpr int64_t kTogether = 32, kMadeTogether = 64, kSteps = 10;
// Bytes of pixels that a thread lays out for itself, and that all lay out together.
constexpr int64_t kOwnBytes = 1 << 20, kSharedBytes = 8 << 20;
constexpr int64_t kOwnPixels = 1024;
constexpr int64_t kSums = kMadeTogether * kTile * kPanel;

int64_t ratio_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

// How the work is cut up.
struct Cut {
  int64_t panels, steps;
  int64_t rows;  // of outputs at a time
  bool own;      // by one thread, else by all together
  Cut(const Pictures& p, bool make, int threads)
      : panels(p.g.O / kPanel), steps(ratio_up(p.steps(), ratio_up(p.steps(), kSteps))) {
    const int64_t all = p.rows(), alone = std::min(fitting(p, kOwnBytes), ratio_up(kOwnPixels, p.width)),
                  enough = 4 * threads;
    own = !make && alone * p.width >= kOwnPixels / 4 && ratio_up(all, alone) >= enough;
    rows = std::min(own ? alone : fitting(p, kSharedBytes), all);
    rows = ratio_up(all, ratio_up(all, rows));
  }
  // The most rows whose places take no more than that.
  static int64_t fitting(const Pictures& p, int64_t bytes) {
    const int64_t row = p.bytes(1) - p.bytes(0);
    return std::max<int64_t>(1, (bytes - p.bytes(0)) / row);
  }
};

// One run, with its addresses.
struct Convolution {
  const Pictures& p;
  const Cut& cut;
  bool reversed, plain;
  const float* wide;  // plain weights in the place of w
  const bf16 *x, *w;
  bf16* y;
  const bf16 *bias, *residual;
  char *laid, *own;  // regions, and what threads work with
  size_t laid_bytes, own_bytes;

  const Conv2dShape& g() const { return p.g; }
  int64_t taps() const { return p.whole.taps(); }
  bool make() const { return reversed || plain; }

  // What a thread works with.
  struct Own {
    float* sums;
    bf16* made;  // a stretch's weights, and room for those of kPanel channels
  };
  Own room(int thread) const {
    float* const sums = reinterpret_cast<float*>(own + size_t(thread) * own_bytes);
    return {sums, reinterpret_cast<bf16*>(sums + kSums)};
  }

  // Weights of a panel from a step of channels on. Reversed, as the forward convolution reads them: blocks of
  // this panel of its inputs and the panel of its outputs that is the step.
  const bf16* weights(int64_t panel, int64_t step) const {
    return reversed ? w + (step * (g().O / kPanel) + panel) * taps() * kBlock
                    : w + (panel * p.steps() + step) * taps() * kBlock;
  }

  // Where a region's tiles begin.
  struct Tiles {
    const int32_t* at;
    int64_t many, parts;
  };
  Tiles tiles(const Region& region) const {
    int32_t* const at = reinterpret_cast<int32_t*>(region.places + region.bytes());
    const int64_t many = region.tiles(at);
    return {at, many, ratio_up(many, make() ? kMadeTogether : kTogether)};
  }

  // From a place in the file's layout, outputs so many channels apart; the next one will be `ahead` further.
  void pack_plain(bf16* to, int64_t at, int64_t channels, int64_t ahead) const {
    const int64_t taps = this->taps(), line = channels * taps, next = ahead * taps;
    if (wide)
      direct_detail::pack_blocks(to, kBlock, wide + at * taps, line, taps, next);
    else
      direct_detail::pack_blocks(to, kBlock, w + at * taps, line, taps, next);
  }

  // Those of a phase.
  void make_weights(bf16* to, const Phase& q, int64_t panel, int64_t from, int64_t steps) const {
    bf16* const spare = to + steps * q.taps * kBlock;
    for (int64_t step = from; step < from + steps; ++step, to += q.taps * kBlock) {
      if (!reversed) {
        pack_plain(to, panel * kPanel * g().I + step * kChannels, g().I, kChannels);
        continue;
      }
      if (wide && taps() == 9 && q.taps == 9) {
        const int64_t at = step * kChannels * g().O + panel * kPanel;
        direct_detail::turn_nine(to, q.tap, wide + at * 9, g().O * 9);
        continue;
      }
      if (plain) pack_plain(spare, step * kChannels * g().O + panel * kPanel, g().O, kChannels * g().O);
      const bf16* blocks = plain ? spare : weights(panel, step);
      for (int64_t tap = 0; tap < q.taps; ++tap)
        direct_detail::turn_block(to + tap * kBlock, blocks + q.tap[tap] * kBlock);
    }
  }

  // The outputs of a tile.
  void write(const Region& region, const Phase& q, int64_t panel, int64_t place, const float* sums) const {
    using vectors::Brains;
    const int64_t at = panel * kPanel;
    vectors::Vec added[2] = {};
    for (int v = 0; bias && v < 2; ++v) added[v] = Brains::read(bias + at + v * kLanes);
    region.each_output(place, q, [&](int64_t pixel, int k) {
      vectors::Vec low = vectors::load(sums + k * kPanel) + added[0],
                   high = vectors::load(sums + k * kPanel + kLanes) + added[1];
      const int64_t to = pixel * g().O + at;
      if (residual) low += Brains::read(residual + to), high += Brains::read(residual + to + kLanes);
      const auto numbers = attention_detail::narrowed(low, high);
      memcpy(y + to, &numbers, sizeof numbers);
    });
  }

  // A panel's outputs of some tiles; `next` is the panel that probably follows.
  void multiply_tiles(const Own& o, const Region& region, const Phase& q, int64_t panel, int64_t next,
                      const int32_t* tiles, int64_t many) const {
    for (int64_t from = 0; from < p.steps(); from += cut.steps) {
      const int64_t steps = std::min(cut.steps, p.steps() - from);
      const bool last = from + steps == p.steps();
      if (make()) make_weights(o.made, q, panel, from, steps);
      const bf16* ahead = plain ? nullptr : last ? weights(next, 0) : weights(panel, from + steps);
      const Stretch stretch{make() ? o.made : weights(panel, from),
                            steps,
                            region.apart(),
                            q.taps,
                            q.offset,
                            from == 0,
                            reinterpret_cast<const char*>(ahead),
                            plain ? 0 : (weights(panel, 1) - weights(panel, 0)) * int64_t(sizeof(bf16))};
      for (int64_t t = 0; t < many; t += 2) {
        float* const sums = o.sums + t * kTile * kPanel;
        const char* const pixels = region.places + from * region.apart();
        const bool two = t + 1 < many;
        const char* const x[2] = {pixels + tiles[t] * kPlaceBytes,
                                  two ? pixels + tiles[t + 1] * kPlaceBytes : nullptr};
        const Lines lines{kBlockLines * t / many, ahead ? kBlockLines * (t + 1 + two) / many : 0};
        two ? multiply<2>(sums, x, stretch, lines) : multiply<1>(sums, x, stretch, lines);
        if (!last) continue;
        write(region, q, panel, tiles[t], sums);
        if (two) write(region, q, panel, tiles[t + 1], sums + kTile * kPanel);
      }
    }
  }

  // The region of that number, in the memory of that one.
  Region region(int64_t number, int64_t at) const {
    const int64_t first = number * cut.rows;
    return {p, first, std::min(cut.rows, p.rows() - first), laid + size_t(at) * laid_bytes};
  }

  int64_t items(const Tiles& tiles) const { return p.phases() * tiles.parts * cut.panels; }

  // Item k of a region: a panel's outputs of a phase and a part of the tiles.
  void multiply_item(const Own& o, const Region& region, const Tiles& tiles, int64_t k) const {
    const int64_t parts = tiles.parts, panel = k % cut.panels, part = k / cut.panels % parts;
    const Phase phase = p.phase(k / cut.panels / parts);
    const int64_t begin = tiles.many * part / parts, end = tiles.many * (part + 1) / parts;
    const int64_t next = panel + (cut.own ? 1 : omp_get_num_threads());
    multiply_tiles(o, region, phase, panel, std::min(next, cut.panels - 1), tiles.at + begin, end - begin);
  }

  void region_alone(const Own& o, int64_t number) const {
    const Region region = this->region(number, omp_get_thread_num());
    for (int64_t line = 0; line < region.lines(); ++line) region.lay(x, line);
    const Tiles tiles = this->tiles(region);
    for (int64_t k = 0; k < items(tiles); ++k) multiply_item(o, region, tiles, k);
  }

  void region_together(int64_t number) const {
    const Region region = this->region(number, 0);
    parallel_for(region.lines(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) region.lay(x, line);
    });
    const Tiles tiles = this->tiles(region);
    take(items(tiles), [&](const Own& o, int64_t k) { multiply_item(o, region, tiles, k); });
  }

  // f(what the thread works with, item) for all items, on all threads; whichever is next.
  template <typename F>
  void take(int64_t items, const F& f) const {
    std::atomic<int64_t> next{0};
    const int threads = int(std::min<int64_t>(omp_get_max_threads(), items));
#pragma omp parallel num_threads(threads)
    {
      const amx::Session tiles;
      const Own o = room(omp_get_thread_num());
      for (int64_t item; (item = next++) < items;) f(o, item);
    }
  }

  void run() const {
    const int64_t regions = ratio_up(p.rows(), cut.rows);
    if (cut.own) return take(regions, [&](const Own& o, int64_t number) { region_alone(o, number); });
    for (int64_t number = 0; number < regions; ++number) region_together(number);
  }
};

}  // namespace

bool tiles_possible(const Conv2dShape& g) { return Pictures(g).possible(); }

Run direct_by_tiles(const Instruction& i, const Direct& c) {
  const Pictures p(c.g);
  const bool make = c.reversed || c.plain;
  const Cut cut(p, make, i.threads());
  const size_t made = make ? size_t((cut.steps + 1) * c.g.taps() * kBlock) * sizeof(bf16) : 0,
               own_bytes = whole_pages(size_t(kSums) * sizeof(float) + made),
               laid_bytes =
                   whole_pages(size_t(p.bytes(cut.rows)) + size_t(p.most_tiles(cut.rows)) * sizeof(int32_t));
  const Scratch laid = i.scratch(size_t(cut.own ? i.threads() : 1) * laid_bytes),
                own = i.scratch(size_t(i.threads()) * own_bytes);
  return [=] {
    const auto numbers = [](char* data) { return reinterpret_cast<bf16*>(data); };
    const Convolution run{p,
                          cut,
                          c.reversed,
                          c.plain,
                          c.wide ? reinterpret_cast<const float*>(c.w.get()) : nullptr,
                          numbers(c.x),
                          numbers(c.w.get()),
                          numbers(c.y),
                          numbers(c.bias),
                          numbers(c.residual),
                          laid.get(),
                          own.get(),
                          laid_bytes,
                          own_bytes};
    run.run();
  };
}

}  // namespace EASEL_ISA
}  // namespace easel

#else
namespace easel {
inline namespace EASEL_ISA {
Run direct_by_tiles(const Instruction& i, const Direct&) { i.fail("this level has no tiles"); }
}  // namespace EASEL_ISA
}  // namespace easel
#endif
