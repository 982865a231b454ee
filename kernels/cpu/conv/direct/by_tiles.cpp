// See by_tiles.h. Compute-bound, but for small pictures, where reading the weights takes longer. A round of
// four products reads two tiles of pixels and two of weights in 64 cycles, which the second-level cache does
// not deliver: so a sum is made in stretches of channels whose pixels the first level holds, and the weights
// of several panels pass by. Every output is the same sum in the same order: channels by 32, taps.
#include "by_tiles.h"

#include <atomic>

#include "../../vectors/ratios.h"
#include "pictures.h"
#include "tile_weights.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace amx_conv;

// Pairs of tiles, and panels, at a time, whose pixels, weights and sums of a stretch the second-level cache
// holds beside what is asked for.
constexpr int64_t kPairs = 16, kPanels = 3;
// Places up to which it is one panel, whose weights are read faster than those of several.
constexpr int64_t kFewPlaces = 8 * kTile;
// Bytes of pixels under a pair that the first-level cache holds.
constexpr int64_t kNear = 34 << 10;
// Bytes of pixels that a thread lays out for itself, and that all lay out together.
constexpr int64_t kOwnBytes = 1400 << 10, kSharedBytes = 8 << 20;
constexpr int64_t kOwnPixels = 1024;
constexpr int64_t kPairSums = 2 * kTile * kPanel;

size_t whole_pages(size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

// How the work is cut up.
struct Cut {
  int64_t steps;             // of a stretch
  int64_t panels, together;  // and so many of them at a time
  int64_t rows;              // of outputs, at a time
  bool own;                  // by one thread, else by all together
  Cut(const Pictures& p, bool make, int threads) : panels(p.g.O / kPanel) {
    const int64_t near = (p.g.KH - 1) * std::min<int64_t>(p.width, 2 * kTile + p.g.KW) + 2 * kTile + p.g.KW,
                  most = std::max<int64_t>(1, kNear / kPlaceBytes / near);
    steps = ratio_up(p.steps(), ratio_up(p.steps(), most));
    const int64_t all = p.rows(), passing = all * p.width > kFewPlaces ? kPanels : 1;
    together = ratio_up(panels, ratio_up(panels, passing));
    const int64_t alone = std::min(fitting(p, kOwnBytes), ratio_up(kOwnPixels, p.width)),
                  enough = 4 * threads;
    own = !make && alone * p.width >= kOwnPixels / 4 && ratio_up(all, alone) >= enough;
    rows = std::min(own ? alone : fitting(p, kSharedBytes), all);
    rows = ratio_up(all, ratio_up(all, rows));
  }
  int64_t groups() const { return ratio_up(panels, together); }
  int64_t sums() const { return kPairs * together * kPairSums; }
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
  const TileWeights weights;
  const bf16* x;
  bf16* y;
  const bf16 *bias, *residual;
  char *laid, *own;  // regions, and what threads work with
  size_t laid_bytes, own_bytes;
  bool past;  // the caches

  // What a thread works with.
  struct Own {
    float* sums;
    bf16* made;  // a stretch's weights of some panels, and room for those of kPanel channels
    Outputs outputs;
    int64_t pixels[2][2 * kTile];  // of y that are a pair's: of those that are written, and of the next
    int64_t turn = 0;
  };
  Own room(int thread) const {
    float* const sums = reinterpret_cast<float*>(own + size_t(thread) * own_bytes);
    return {sums, reinterpret_cast<bf16*>(sums + cut.sums()), {y, bias, residual, p.g.O, past}, {}};
  }

  // Where a region's tiles begin.
  struct Tiles {
    const int32_t* at;
    int64_t many, parts;
  };
  Tiles tiles(const Region& region) const {
    int32_t* const at = reinterpret_cast<int32_t*>(region.places + region.bytes());
    const int64_t many = region.tiles(at);
    return {at, many, ratio_up(many, 2 * kPairs)};
  }

  // Panels [panel, panel + panels) of a phase's outputs at some tiles of a region.
  struct Item {
    const Region& region;
    const Phase phase;
    int64_t panel, panels;
    const int32_t* tiles;
    int64_t many;
  };

  // A stretch of an item's sums, from a step on.
  void multiply_stretch(Own& o, const Item& item, int64_t from, int64_t steps, Wanted wanted) const {
    const auto& [region, q, panel, panels, tiles, many] = item;
    const Stretch stretch{steps, region.apart(), q.taps, q.offset, from == 0};
    const bool last = from + steps == p.steps();
    const int64_t rounds = stretch.rounds(), calls = std::max<int64_t>(rounds, 1),
                  rows = ratio_up(2 * kTile, calls),
                  lines = ratio_up(wanted.lines(), calls * panels * ratio_up(many, 2));
    for (int64_t t = 0; t < many; t += 2) {
      const char* const pixels = region.places + from * region.apart();
      const bool two = t + 1 < many;
      const char* const at[2] = {pixels + tiles[t] * kPlaceBytes,
                                 two ? pixels + tiles[t + 1] * kPlaceBytes : nullptr};
      int64_t* const outputs = o.pixels[o.turn ^= last];
      for (int n = 0; last && n < 1 + two; ++n) region.outputs(outputs + n * kTile, tiles[t + n], q);
      for (int64_t n = 0; n < panels; ++n) {
        float* const sums = o.sums + (t / 2 * panels + n) * kPairSums;
        bf16* const made = o.made + n * rounds * kBlock;
        const auto beside = [&](int64_t) {
          o.outputs.write(rows);
          wanted.ask(lines);
        };
        if (!rounds) o.outputs.write(o.outputs.left());  // a phase without taps
        const bf16* w = weights.make() ? made : weights.packed(panel + n, from);
        if (t == 0 && weights.plain) weights.pack(made, q.tap, q.taps, panel + n, from, steps);
        if (t == 0 && weights.reversed && !weights.plain) {
          const auto turn = [&](int64_t round) {
            if (round < rounds)
              weights.turn(made + round * kBlock, panel + n, from + round / q.taps, q.tap[round % q.taps]);
          };
          const auto both = [&](int64_t round) { turn(round + 2), beside(round); };
          turn(0), turn(1);
          two ? multiply<2>(sums, at, w, stretch, both) : multiply<1>(sums, at, w, stretch, both);
        } else {
          two ? multiply<2>(sums, at, w, stretch, beside) : multiply<1>(sums, at, w, stretch, beside);
        }
        if (last) o.outputs.add(sums, outputs, (1 + two) * kTile, (panel + n) * kPanel);
      }
    }
  }

  // The region of that number, in the memory of that one.
  Region region(int64_t number, int64_t at) const {
    const int64_t first = number * cut.rows;
    return {p, first, std::min(cut.rows, p.rows() - first), laid + size_t(at) * laid_bytes};
  }

  int64_t items(const Tiles& tiles) const { return p.phases() * tiles.parts * cut.groups(); }

  // Item k of a region: some panels' outputs of a phase and a part of the tiles.
  void multiply_item(Own& o, const Region& region, const Tiles& tiles, int64_t k) const {
    const int64_t parts = tiles.parts, groups = cut.groups(), part = k / groups % parts,
                  begin = tiles.many * part / parts, end = tiles.many * (part + 1) / parts;
    const auto first = [&](int64_t group) { return cut.panels * group / groups; };
    const int64_t group = k % groups, next = (group + (cut.own ? 1 : omp_get_num_threads())) % groups;
    const Item item{region,           p.phase(k / groups / parts),
                    first(group),     first(group + 1) - first(group),
                    tiles.at + begin, end - begin};
    const auto wanted = [&](int64_t group, int64_t from) {
      return weights.wanted(first(group), first(group + 1) - first(group), from,
                            std::min(cut.steps, p.steps() - from), item.phase.tap, item.phase.taps);
    };
    for (int64_t from = 0; from < p.steps(); from += cut.steps) {
      const int64_t steps = std::min(cut.steps, p.steps() - from), then = from + steps;
      multiply_stretch(o, item, from, steps, then < p.steps() ? wanted(group, then) : wanted(next, 0));
    }
  }

  void region_alone(Own& o, int64_t number) const {
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
    take(items(tiles), [&](Own& o, int64_t k) { multiply_item(o, region, tiles, k); });
  }

  // f(what the thread works with, item) for all items, on all threads; whichever is next.
  template <typename F>
  void take(int64_t items, const F& f) const {
    std::atomic<int64_t> next{0};
    const int threads = int(std::min<int64_t>(omp_get_max_threads(), items));
#pragma omp parallel num_threads(threads)
    {
      const amx::Session tiles;
      Own o = room(omp_get_thread_num());
      for (int64_t item; (item = next++) < items;) f(o, item);
      o.outputs.write(o.outputs.left());
      vectors::written();
    }
  }

  void run() const {
    const int64_t regions = ratio_up(p.rows(), cut.rows);
    if (cut.own) return take(regions, [&](Own& o, int64_t number) { region_alone(o, number); });
    for (int64_t number = 0; number < regions; ++number) region_together(number);
  }
};

}  // namespace

bool tiles_possible(const Conv2dShape& g) { return Pictures(g).possible(); }

Run direct_by_tiles(const Instruction& i, const Direct& c) {
  const Pictures p(c.g);
  const bool make = c.reversed || c.plain;
  const Cut cut(p, make, i.threads());
  const size_t made = make ? size_t((cut.together * cut.steps + 1) * c.g.taps() * kBlock) * sizeof(bf16) : 0,
               own_bytes = whole_pages(size_t(cut.sums()) * sizeof(float) + made),
               laid_bytes =
                   whole_pages(size_t(p.bytes(cut.rows)) + size_t(p.most_tiles(cut.rows)) * sizeof(int32_t));
  const Scratch laid = i.scratch(size_t(cut.own ? i.threads() : 1) * laid_bytes),
                own = i.scratch(size_t(i.threads()) * own_bytes);
  return [=] {
    const auto numbers = [](char* data) { return reinterpret_cast<bf16*>(data); };
    const TileWeights weights{
        c.reversed,         c.plain, c.wide ? reinterpret_cast<const float*>(c.w.get()) : nullptr,
        numbers(c.w.get()), c.g.I,   c.g.O,
        c.g.taps()};
    const bool past = vectors::goes_past(c.y, c.g.N * c.g.height * c.g.width, c.g.O * int64_t(sizeof(bf16)));
    const Convolution run{
        p,          cut,       weights,    numbers(c.x), numbers(c.y), numbers(c.bias), numbers(c.residual),
        laid.get(), own.get(), laid_bytes, own_bytes,    past};
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
