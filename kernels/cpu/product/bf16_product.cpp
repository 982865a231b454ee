// Bound by the multipliers: tiles of vectors reach 99 % of them.
#include "bf16_product.h"

#include "../vectors/amx.h"
#include "bf16_blocks.h"

namespace easel {
inline namespace EASEL_ISA {

#if defined(__AVX512F__)

namespace {

using namespace product_detail;

constexpr int64_t kFinishAhead = 2;  // panels; what is added to them and where they go is asked for
constexpr int64_t kLeastRows = 8, kLeastDepth = 64;  // of what is not left to oneDNN

Cut cut_of(const Product& p) {
  const bool packs_a = p.trans_a || p.K % 2 || p.second_K % 2;
  Cut cut{};
  cut.depth = 1280;
  cut.packed_bytes = 1 << 18;  // of 1 MiB
  cut.most_panels = 16;
  cut.block_rows = 512;
  cut.row_unit = packs_a ? kPanel : 1;  // whole panels of a where they are packed
  cut.word_unit = 1;
  // Rows that are pages apart share the lines of the first-level cache, which has eight of each.
  cut.tile_rows = !packs_a && p.K * 2 % 4096 == 0 ? 6 : kRows;
  cut.grain = 1 << 18;
  cut.large = INT64_MAX;  // never
  cut.packed_rows = packs_a ? kPanel : 0;
  return cut;
}

// Rows are taken where they lie; of a transposed a, or one of odd rows, they are packed.
class Vectors : public Blocks {
 public:
  Vectors(const Instruction& i, const Product& p, bool turned) : Blocks(i, p, turned, cut_of(p)) {}

 private:
  void work(Room& room) const override {
    each_part(room, [&](const Part& part) { multiply(room, part); });
  }
  void multiply(Room& room, const Part& part) const;
  void pack_a(Word* to, const Factors& f, int64_t stack, int64_t row, int64_t rows, int64_t k,
              int64_t depth) const {
    pack(to, true, !trans_a_, a_at(f, stack, row, k), trans_a_ ? M_ : f.K, rows, depth);
  }
};

void Vectors::multiply(Room& room, const Part& part) const {
  const auto& [d, stack, panel, panels, row, rows] = part;
  const bool packs_a = cut_.packed_rows > 0;
  const bool straight = packs_a && target_.floats && !target_.turned;  // from registers
  const int64_t group = packs_a ? kPanel : cut_.tile_rows, groups = ratio_up(rows, group);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t from = packs_a ? g * kPanel : rows * g / groups,
                  many = (packs_a ? std::min(rows, from + kPanel) : rows * (g + 1) / groups) - from;
    const bool two = d.last && two_.K;
    if (packs_a) {
      pack_a(room.a, one_, stack, row + from, many, d.from, d.depth);
      if (two) pack_a(room.a + ratio_up(d.depth, 2) * kPanel, two_, stack, row + from, many, 0, two_.K);
    } else if (g + 1 < groups) {
      room.ahead[0] = Ahead::of(a_at(one_, stack, row + from + many, d.from),
                                rows * (g + 2) / groups - from - many, d.depth, one_.K, panels * d.words);
    }
    const int64_t tiles = ratio_up(many, cut_.tile_rows);
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = many * t / tiles, R = many * (t + 1) / tiles - begin;
      const int64_t at = row + from + begin;
      const Word* first = packs_a ? room.a + begin : words_of(a_at(one_, stack, at, d.from));
      const Word* second = two && !packs_a ? words_of(a_at(two_, stack, at, 0)) : nullptr;
      const Stretch stretches[] = {{first, one_.K / 2, packs_a ? d.words : d.depth / 2},
                                   {second, two_.K / 2, two_.K / 2}};
      const int64_t place = (stack * M_ + at) * N_ + panel * kPanel;
      for (int64_t n = 0; n < panels; ++n) {
        if (d.last && !straight) {  // for the panel after the next, of these rows or as many that follow
          const int64_t next = n + kFinishAhead, more = next < panels ? 0 : R;
          if (begin + from + 2 * more <= rows)
            ask_for(target_, R, place + more * N_ + (more ? next % panels : next) * kPanel, N_);
        }
        alignas(64) float tile[kRows * kPanel];
        float* sums = depths_ > 1 ? room.sums + (n * rows + from + begin) * kPanel : tile;
        const int64_t columns = width(panel + n);
        if (d.last && straight && columns == kPanel) {
          gradient_tile(R, first, room.b + n * d.words * kPanel, d.words,
                        {d.from ? sums : nullptr, reinterpret_cast<float*>(target_.y) + place + n * kPanel,
                         N_, target_.goal});
          continue;
        }
        const Output output{reinterpret_cast<bf16*>(target_.y) + place + n * kPanel,
                            target_.bias ? target_.bias + (panel + n) * kPanel : nullptr,
                            target_.residual ? target_.residual + place + n * kPanel : nullptr, N_};
        const bool done = d.last && !target_.floats && columns == kPanel;
        tile_of(R, columns > kLanes, packs_a, d.from > 0)(stretches, two && !packs_a ? 2 : 1,
                                                          room.b + n * d.words * kPanel, sums, room.ahead,
                                                          done ? &output : nullptr);
        if (!d.last || done) continue;
        if (target_.turned) {
          const int64_t first_row = stack * N_ + (panel + n) * kPanel;
          finish_turned(target_, sums, R, columns, first_row * M_ + at, at, M_);
        } else {
          finish(target_, sums, R, columns, place + n * kPanel, (panel + n) * kPanel, N_);
        }
      }
    }
  }
}

}  // namespace

Run bf16_product(const Instruction& i, const Product& p) {
  if (p.a.dtype != EASEL_BF16 || !attention_detail::multiplies_bf16()) return nullptr;
  const bool floats = p.out.dtype == EASEL_F32;
  if (!floats && p.accumulate) return nullptr;
  if (amx::serves()) return amx_product(i, p);
  // Packing takes as long as multiplying six rows; of short sums memory is the bound.
  if (!floats && (p.M < kLeastRows || p.K + p.second_K < kLeastDepth)) return nullptr;
  // Half a panel of columns has a load for each product, as many rows have one for two.
  if (floats && p.N <= kLanes && p.M > p.N) return Vectors(i, exchanged(p), true);
  return Vectors(i, p, false);
}

#else

Run bf16_product(const Instruction&, const Product&) { return nullptr; }

#endif

}  // namespace EASEL_ISA
}  // namespace easel
