// Bound by the second-level cache: of the 64 lines that a step of four products reads in 64 cycles, those of
// a, half of them, must be in the first level. So a sum is made in stretches for which a's 32 rows fit there,
// and b passes by.
#include "amx_tiles.h"
#include "bf16_blocks.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace product_detail;

constexpr int64_t kStretch = 20;  // steps; rows of 640 numbers are 40 KiB of 48

constexpr Cut cut() {
  Cut cut{};
  cut.depth = 1280;
  cut.packed_bytes = 1 << 20;  // of 2 MiB
  cut.most_panels = 32;
  cut.block_rows = 1024;
  cut.row_unit = kPanel;
  cut.word_unit = kStep;
  cut.tile_rows = kPanel;
  cut.asks = kStep;
  cut.sum_rows = kPanel;
  cut.grain = 1 << 20;
  cut.packs_a = true;
  return cut;
}

// A transposed a is packed, and so are the last rows where they are not 32; of others what is behind a's last
// whole step.
class Tiles : public Blocks {
 public:
  Tiles(const Instruction& i, const Product& p, bool turned) : Blocks(i, p, turned, cut()) {}

 private:
  // All steps of a group of rows.
  struct Group {
    Steps steps[4];
    int count = 0;
    void add(const Steps& s) {
      if (s.count) steps[count++] = s;
    }
    // Steps [from, to).
    Group some(int64_t from, int64_t to) const {
      Group part;
      int64_t at = 0;
      for (int n = 0; n < count; at += steps[n++].count) {
        const Steps& s = steps[n];
        const int64_t skip = std::max<int64_t>(from - at, 0), end = std::min(to - at, s.count);
        if (skip < end) part.add({s.a + skip * s.advance, s.line, s.advance, end - skip});
      }
      return part;
    }
  };

  void work(Room& room) const override {
    amx::Session session;
    Waiting waiting(target_);
    each_part(room, [&](const Part& part) { multiply(room, part, waiting); });
    waiting.finish_some(kPanel);
  }

  void pack(Word* to, const Factors& f, int64_t stack, int64_t row, int64_t rows, int64_t k,
            int64_t depth) const {
    const bf16* from = a_at(f, stack, row, k);
    trans_a_ ? pack_a_columns(to, from, M_, rows, depth) : pack_a_rows(to, from, f.K, rows, depth);
  }

  // Whole steps where they lie; behind them, and where rows are to be packed, from `packed` on.
  Word* add_steps(Group& group, Word* packed, const Factors& f, int64_t stack, int64_t row, int64_t rows,
                  int64_t k, int64_t depth) const {
    const int64_t straight = trans_a_ || rows < kPanel ? 0 : depth / kStepNumbers,
                  rest = depth - straight * kStepNumbers, steps = parts(rest, kStepNumbers);
    group.add({reinterpret_cast<const char*>(a_at(f, stack, row, k)), f.K * int64_t(sizeof(bf16)), 4 * kStep,
               straight});
    pack(packed, f, stack, row, rows, k + straight * kStepNumbers, rest);
    group.add({reinterpret_cast<const char*>(packed), 4 * kStep, 2 * kTileBytes, steps});
    return packed + steps * kPanel * kStep;
  }

  void multiply(Room& room, const Part& part, Waiting& waiting) const {
    const auto& [d, stack, panel, panels, row, rows] = part;
    const int64_t steps = d.words / kStep, stretches = parts(steps, kStretch);
    const int64_t sum_rows = depths_ > 1 ? round_up(rows, kPanel) : kPanel;
    for (int64_t from = 0; from < rows; from += kPanel) {
      const int64_t many = std::min(rows - from, int64_t(kPanel)), at = row + from;
      Group group;
      Word* rest = add_steps(group, room.a, one_, stack, at, many, d.from, d.depth);
      if (d.last && two_.K) add_steps(group, rest, two_, stack, at, many, 0, two_.K);
      if (const int64_t next = std::min(rows - from - many, int64_t(kPanel)); next > 0)
        room.ahead[0] = trans_a_ ? Ahead::of(a_at(one_, stack, at + many, d.from), d.depth, next, M_,
                                             panels * d.words / 2)
                                 : Ahead::of(a_at(one_, stack, at + many, d.from), next, d.depth, one_.K,
                                             panels * d.words / 2);
      for (int64_t s = 0; s < stretches; ++s) {
        const int64_t first = steps * s / stretches;
        const Group some = group.some(first, steps * (s + 1) / stretches);
        const bool done = d.last && s == stretches - 1;
        for (int64_t n = 0; n < panels; ++n) {
          const int64_t columns = width(panel + n), column = (panel + n) * kPanel,
                        place = (stack * M_ + at) * N_ + column;
          float* sums = room.sums + (n * sum_rows + (depths_ > 1 ? from : 0)) * kPanel;
          if (done) ask_for(target_, many, place, N_);
          add_tiles_of(many, columns)(
              some.steps, some.steps + some.count,
              room.b + n * d.words * kPanel + first * kStep * (columns > kLanes ? kPanel : kLanes), sums,
              d.from > 0 || s > 0, waiting, room.ahead);
          if (!done) continue;
          if (target_.turned)
            waiting.take(sums, many, columns, (stack * N_ + column) * M_ + at, 0, M_);
          else
            waiting.take(sums, many, columns, place, column, N_);
        }
      }
    }
  }
};

}  // namespace

namespace product_detail {

Run amx_product(const Instruction& i, const Product& p) {
  // Few columns leave half of a tile's idle, few rows a half of them.
  if (p.out.dtype == EASEL_F32 && p.N <= kLanes && p.M > p.N) return Tiles(i, exchanged(p), true);
  return Tiles(i, p, false);
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
