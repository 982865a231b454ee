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

// Steps of a stretch: rows of 640 numbers and a LoRA's are 42 KiB of 48, and what is in several stretches
// leaves room for its sums.
constexpr int64_t kOne = 21, kSeveral = 17;
constexpr int64_t kTogether = 4;  // groups of 32 rows of a transposed a, which are packed at once

Cut cut_of(const Product& p) {
  Cut cut{};
  cut.depth = 1280;
  cut.packed_bytes = 1 << 20;  // of 2 MiB
  cut.most_panels = 32;
  // The sums of several depths lie there too, beside more rows of a transposed a.
  cut.block_rows = p.trans_a && p.K > cut.depth ? 512 : 1024;
  cut.row_unit = kPanel;
  cut.word_unit = kStep;
  cut.sum_rows = kPanel;
  cut.grain = 1 << 20;
  cut.large = 1 << 20;
  cut.packed_rows = p.trans_a ? kTogether * kPanel : kPanel;
  cut.packs_panels = true;
  return cut;
}

bool shares_lines(int64_t K) { return K * int64_t(sizeof(bf16)) % 2048 == 0; }

// Of few rows by a weight whose columns' numbers are neighbours: those are rows of a, which need no packing.
bool turns(const Product& p) {
  constexpr int64_t kFew = 256;
  if (p.out.dtype == EASEL_F32)  // few columns leave half of a tile's idle, few rows a half of them
    return p.N <= kLanes && p.M > p.N;
  return p.M <= kFew && p.N >= 4 * p.M && p.trans_b && !p.trans_a && p.b.dtype == EASEL_BF16 &&
         !shares_lines(p.K);
}

// Rows are taken where they lie but for what is behind a's last whole step. Packed are those of a transposed
// a, the last ones where they are not 32, and those that share lines of the first-level cache, which has 12
// of each.
class Tiles : public Blocks {
 public:
  Tiles(const Instruction& i, const Product& p, bool turned)
      : Blocks(i, p, turned, cut_of(p)), shares_lines_(shares_lines(p.K)) {}

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
    each_part(room, [&](const Part& part) { multiply(room, part); });
  }

  // Whole steps where they lie; behind them, and where rows are to be packed, from `packed` on.
  Word* add_rows(Group& group, Word* packed, const Factors& f, int64_t stack, int64_t row, int64_t rows,
                 int64_t k, int64_t depth) const {
    const int64_t straight = shares_lines_ || rows < kPanel ? 0 : depth / kStepNumbers,
                  rest = depth - straight * kStepNumbers, steps = ratio_up(rest, kStepNumbers);
    const bf16* from = a_at(f, stack, row, k);
    group.add({reinterpret_cast<const char*>(from), f.K * int64_t(sizeof(bf16)), kStepNumbers * 2, straight});
    pack_a_rows(packed, from + straight * kStepNumbers, f.K, rows, rest);
    group.add({reinterpret_cast<const char*>(packed), kStepNumbers * 2, 2 * kTileBytes, steps});
    return packed + steps * kPanel * kStep;
  }

  // The part's rows from `from` on, of which the next `many` are wanted.
  Group rows_of(Room& room, const Part& part, int64_t from, int64_t many) const {
    const Depth& d = part.d;
    const int64_t row = part.row + from, second = d.last ? two_.K : 0;
    Group group;
    if (!trans_a_) {
      Word* rest = add_rows(group, room.a, one_, part.stack, row, many, d.from, d.depth);
      add_rows(group, rest, two_, part.stack, row, many, 0, second);
      return group;
    }
    const int64_t apart = d.words * kPanel, number = from / kPanel % kTogether;
    if (!number) {
      const int64_t rows = std::min(part.rows - from, kTogether * kPanel);
      pack_a_columns(room.a, apart, a_at(one_, part.stack, row, d.from), M_, rows, d.depth);
      pack_a_columns(room.a + words_for(d.depth) * kPanel, apart, a_at(two_, part.stack, row, 0), M_, rows,
                     second);
    }
    group.add({reinterpret_cast<const char*>(room.a + number * apart), kStepNumbers * 2, 2 * kTileBytes,
               d.words / kStep});
    return group;
  }

  // Those that come after rows from `from` on, beside the products of all panels; of a transposed a those
  // that are packed at once, which may be the first ones' next numbers.
  void ask_for_rows(Room& room, const Part& part, int64_t from) const {
    const Depth& d = part.d;
    const int64_t together = trans_a_ ? kTogether * kPanel : kPanel,
                  words = part.panels * d.words * kChunk / kStep;
    if (from % together) return;
    const bool below = from + together < part.rows;
    const int64_t next = below ? from + together : 0, rows = std::min(part.rows - next, together);
    if (trans_a_ && (below || !d.last))
      room.ahead[0] = Ahead::of(a_at(one_, part.stack, part.row + next, below ? d.from : d.from + d.depth),
                                d.depth, rows, M_, kTogether * words);
    else if (below)
      room.ahead[0] =
          Ahead::of(a_at(one_, part.stack, part.row + next, d.from), rows, d.depth, one_.K, words);
  }

  // That of the panel after the nth, of these rows or of those that follow, beside so many steps.
  void ask_for_residual(Room& room, const Part& part, int64_t from, int64_t n, int64_t steps) const {
    const bool below = n + 1 == part.panels;
    if (below) from += kPanel, n = -1;
    const int64_t rows = std::min(part.rows - from, int64_t(kPanel)), panel = part.panel + n + 1;
    if (rows <= 0) return;
    room.ahead[1] = Ahead::of(target_.residual + (part.stack * M_ + part.row + from) * N_ + panel * kPanel,
                              rows, width(panel), N_, steps * kChunk);
  }

  void multiply(Room& room, const Part& part) const {
    const auto& [d, stack, panel, panels, row, rows] = part;
    const int64_t steps = d.words / kStep, stretches = steps > kOne ? ratio_up(steps, kSeveral) : 1;
    const bool several = depths_ > 1 || stretches > 1;
    const int64_t sum_rows = depths_ > 1 ? round_up(rows, kPanel) : kPanel;
    for (int64_t from = 0; from < rows; from += kPanel) {
      const int64_t many = std::min(rows - from, int64_t(kPanel)), at = row + from;
      const Group group = rows_of(room, part, from, many);
      ask_for_rows(room, part, from);
      for (int64_t s = 0; s < stretches; ++s) {
        const int64_t first = steps * s / stretches;
        const Group some = group.some(first, steps * (s + 1) / stretches);
        const bool done = d.last && s == stretches - 1;
        for (int64_t n = 0; n < panels; ++n) {
          const int64_t columns = width(panel + n), column = (panel + n) * kPanel,
                        place = (stack * M_ + at) * N_ + column;
          float* sums = room.sums + (several ? n * sum_rows + (depths_ > 1 ? from : 0) : 0) * kPanel;
          if (done && target_.residual && !target_.turned)
            ask_for_residual(room, part, from, n, steps / stretches);
          add_tiles_of(many, columns)(
              some.steps, some.steps + some.count,
              room.b + n * d.words * kPanel + first * kStep * (columns > kLanes ? kPanel : kLanes), sums,
              d.from > 0 || s > 0, room.ahead);
          if (!done) continue;
          if (target_.turned)
            finish_turned(target_, sums, many, columns, (stack * N_ + column) * M_ + at, at, M_);
          else if (columns == kPanel)
            finish_panel(target_, sums, many, place, column, N_);
          else
            finish(target_, sums, many, columns, place, column, N_);
        }
      }
    }
  }

  bool shares_lines_;
};

}  // namespace

namespace product_detail {

Run amx_product(const Instruction& i, const Product& p) {
  if (turns(p)) return Tiles(i, exchanged(p), true);
  return Tiles(i, p, false);
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
