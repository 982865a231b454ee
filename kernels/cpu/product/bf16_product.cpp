// Bound by the multipliers: tiles reach 99 % of them. A task is a block of columns by a block of rows. Its
// thread packs the columns of b, as deep as half of the second-level cache holds, and goes over a's rows
// where they lie; memory is asked for the next task's b meanwhile. Sums that need several depths stay in
// float. Each is one sum from the first word to the last, whatever the blocks and threads.
#include "bf16_product.h"

#include "../vectors/shares.h"
#include "product_sums.h"

namespace easel {
inline namespace EASEL_ISA {

#if defined(__AVX512F__)

namespace {

using namespace product_detail;

constexpr int64_t kDepth = 1280;  // numbers of a depth, at most
constexpr int64_t kPackedBytes =
    1 << 18;                         // of a block of b: in 1 MiB, beside the next one, a's rows and sums
constexpr int64_t kMostPanels = 16;  // of a block of columns
constexpr int64_t kBlockRows = 512;  // of a block of rows, about
constexpr int64_t kFinishAhead = 2;  // panels; what is added to them and where they go is asked for
constexpr int64_t kLeastRows = 8, kLeastDepth = 64;  // of what is not left to oneDNN
constexpr int64_t kGrain = 1 << 18;  // multiplications for which a thread more is worth waking

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }

// One of the products that are added up: op(a) (M, K) op(b) (K, N).
struct Factors {
  const bf16 *a, *b;
  const float* wide;  // b, to be rounded, in the place of b
  int64_t K;
};

class Blocks {
 public:
  Blocks(const Instruction& i, const Product& p, bool turned);
  void operator()() const;

 private:
  // A thread's memory, and what it holds.
  struct Room {
    Word *b, *a;
    float* sums;
    int64_t held;    // the block of b
    Ahead ahead[2];  // the next tile's rows of a, the next block of b
  };
  // Numbers [from, from + depth) of the first product's sum, and the whole second one if it is the last.
  struct Depth {
    int64_t from, depth, words;
    bool last;
  };

  void task(Room& room, int64_t number) const;
  void multiply(Room& room, int64_t stack, const Depth& d, int64_t panel, int64_t panels, int64_t row,
                int64_t rows) const;
  Depth depth_of(int64_t k) const;
  // Where a block of columns begins, and how many panels it has.
  std::pair<int64_t, int64_t> panels_of(int64_t b_block) const {
    const int64_t n = b_block % column_blocks_, from = panels_ * n / column_blocks_;
    return {from, panels_ * (n + 1) / column_blocks_ - from};
  }
  Ahead b_ahead(int64_t b_block, int64_t k, int64_t words) const;
  int64_t width(int64_t panel) const { return std::min<int64_t>(kPanel, N_ - panel * kPanel); }
  const bf16* a_at(const Factors& f, int64_t stack, int64_t row, int64_t k) const {
    return f.a + stack * M_ * f.K + (trans_a_ ? k * M_ + row : row * f.K + k);
  }
  int64_t b_at(const Factors& f, int64_t stack, int64_t panel, int64_t k) const {
    return stack * f.K * N_ + (trans_b_ ? panel * kPanel * f.K + k : k * N_ + panel * kPanel);
  }
  void pack_b(Word* to, const Factors& f, int64_t stack, int64_t panel, int64_t k, int64_t depth) const {
    const int64_t n = width(panel), at = b_at(f, stack, panel, k), line = trans_b_ ? f.K : N_;
    if (f.wide)
      pack(to, n > kLanes, trans_b_, f.wide + at, line, n, depth);
    else
      pack(to, n > kLanes, trans_b_, f.b + at, line, n, depth);
  }
  void pack_a(Word* to, const Factors& f, int64_t stack, int64_t row, int64_t rows, int64_t k,
              int64_t depth) const {
    pack(to, true, !trans_a_, a_at(f, stack, row, k), trans_a_ ? M_ : f.K, rows, depth);
  }

  Factors one_, two_;  // two_.K is 0 where there is no second product
  Target target_;
  bool trans_a_, trans_b_, packs_a_;
  int64_t stacks_, M_, N_, panels_, tile_rows_;
  int64_t depths_, column_blocks_, row_blocks_;
  int threads_;
  size_t b_bytes_, a_bytes_, sum_bytes_;
  Scratch scratch_;
  Shares shares_{1, 1};
};

Blocks::Blocks(const Instruction& i, const Product& p, bool turned)
    : one_{p.a.as<bf16>(), p.b.dtype == EASEL_F32 ? nullptr : p.b.as<bf16>(),
           p.b.dtype == EASEL_F32 ? p.b.as<float>() : nullptr, p.K},
      two_{p.second_K ? p.second_a->as<bf16>() : nullptr, p.second_K ? p.second_b->as<bf16>() : nullptr,
           nullptr, p.second_K},
      target_{p.out.data,
              p.bias ? p.bias->as<bf16>() : nullptr,
              p.residual ? p.residual->as<bf16>() : nullptr,
              p.out.dtype == EASEL_F32,
              p.accumulate && !p.fresh,
              turned,
              p.out.dtype == EASEL_F32
                  ? goal_of(p.out.as<float>(), p.out.count(), p.N, !p.accumulate || p.fresh)
                  : Goal::kWritten},
      trans_a_(p.trans_a),
      trans_b_(p.trans_b),
      packs_a_(p.trans_a || p.K % 2 || p.second_K % 2),
      stacks_(p.B),
      M_(p.M),
      N_(p.N),
      panels_(parts(p.N, kPanel)),
      // Rows that are pages apart share the lines of the first-level cache, which has eight of each.
      tile_rows_(!packs_a_ && p.K * 2 % 4096 == 0 ? 6 : kRows),
      depths_(parts(p.K, kDepth)) {
  const int64_t work = stacks_ * M_ * N_ * (p.K + p.second_K);
  threads_ = int(std::clamp<int64_t>(work / kGrain, 1, i.threads()));
  int64_t words = 0;
  for (int64_t k = 0; k < depths_; ++k) words = std::max(words, depth_of(k).words);
  const int64_t panel_bytes = words * kPanel * int64_t(sizeof(Word));
  column_blocks_ = parts(panels_, std::clamp<int64_t>(kPackedBytes / panel_bytes, 1, kMostPanels));
  row_blocks_ = parts(M_, kBlockRows);
  if (stacks_ % threads_) {  // the same for every thread
    const bool even = panels_ % threads_ == 0 || panels_ >= 16 * threads_;
    if (even || M_ < 8 * threads_)
      column_blocks_ = std::min(panels_, round_up(column_blocks_, threads_));
    else
      row_blocks_ = round_up(row_blocks_, threads_);
  }
  const int64_t most_panels = parts(panels_, column_blocks_);
  const int64_t most_rows = std::min(M_, round_up(parts(M_, row_blocks_), kPanel) + kPanel);
  b_bytes_ = size_t(most_panels * panel_bytes);
  a_bytes_ = size_t(packs_a_ ? panel_bytes : 0);
  sum_bytes_ = size_t(depths_ > 1 ? most_panels * most_rows * kPanel * int64_t(sizeof(float)) : 0);
  scratch_ = i.scratch(size_t(threads_) * (b_bytes_ + a_bytes_ + sum_bytes_));
  shares_ = Shares(threads_, stacks_ * column_blocks_ * row_blocks_);
}

Blocks::Depth Blocks::depth_of(int64_t k) const {
  const auto begin = [&](int64_t n) { return std::min(one_.K, round_up(one_.K * n / depths_, kPanel)); };
  const bool last = k == depths_ - 1;
  const int64_t from = begin(k), depth = (last ? one_.K : begin(k + 1)) - from;
  return {from, depth, parts(depth, 2) + (last ? parts(two_.K, 2) : 0), last};
}

void Blocks::operator()() const {
  shares_.deal();
  const auto work = [this](int thread) {
    char* room = scratch_.get() + size_t(thread) * (b_bytes_ + a_bytes_ + sum_bytes_);
    Room r{reinterpret_cast<Word*>(room),
           reinterpret_cast<Word*>(room + b_bytes_),
           reinterpret_cast<float*>(room + b_bytes_ + a_bytes_),
           -1,
           {}};
    for (int64_t n; (n = shares_.next(thread)) >= 0;) task(r, n);
    _mm_sfence();  // behind what went past the caches
  };
  if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
  work(omp_get_thread_num());
}

Ahead Blocks::b_ahead(int64_t b_block, int64_t k, int64_t words) const {
  if (b_block >= stacks_ * column_blocks_) return {};
  const auto [panel, panels] = panels_of(b_block);
  const int64_t columns = std::min(N_, (panel + panels) * kPanel) - panel * kPanel;
  const Depth d = depth_of(k);
  const int64_t at = b_at(one_, b_block / column_blocks_, panel, d.from), line = trans_b_ ? one_.K : N_;
  const int64_t rows = trans_b_ ? columns : d.depth, many = trans_b_ ? d.depth : columns;
  return one_.wide ? Ahead::of(one_.wide + at, rows, many, line, words)
                   : Ahead::of(one_.b + at, rows, many, line, words);
}

void Blocks::task(Room& room, int64_t number) const {
  const int64_t row_block = number % row_blocks_, b_block = number / row_blocks_;
  const int64_t stack = b_block / column_blocks_;
  const auto [panel, panels] = panels_of(b_block);
  // Whole panels of a where they are packed.
  const int64_t unit = packs_a_ ? kPanel : 1, units = parts(M_, unit);
  const int64_t row = units * row_block / row_blocks_ * unit,
                rows = std::min(M_, units * (row_block + 1) / row_blocks_ * unit) - row;
  if (rows <= 0) return;
  for (int64_t k = 0; k < depths_; ++k) {
    const Depth d = depth_of(k);
    if (const int64_t block = b_block * depths_ + k; room.held != block) {
      for (int64_t n = 0; n < panels; ++n) {
        Word* to = room.b + n * d.words * kPanel;
        pack_b(to, one_, stack, panel + n, d.from, d.depth);
        to += parts(d.depth, 2) * (width(panel + n) > kLanes ? kPanel : kLanes);
        if (d.last && two_.K) pack_b(to, two_, stack, panel + n, 0, two_.K);
      }
      room.held = block;
    }
    room.ahead[1] = {};
    if (const bool other = d.last; !other || row_block == row_blocks_ - 1)
      room.ahead[1] = b_ahead(b_block + other, other ? 0 : k + 1, parts(rows, tile_rows_) * panels * d.words);
    multiply(room, stack, d, panel, panels, row, rows);
  }
}

void Blocks::multiply(Room& room, int64_t stack, const Depth& d, int64_t panel, int64_t panels, int64_t row,
                      int64_t rows) const {
  const bool straight = packs_a_ && target_.floats && !target_.turned;  // from registers
  const int64_t group = packs_a_ ? kPanel : tile_rows_, groups = parts(rows, group);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t from = packs_a_ ? g * kPanel : rows * g / groups,
                  many = (packs_a_ ? std::min(rows, from + kPanel) : rows * (g + 1) / groups) - from;
    const bool two = d.last && two_.K;
    if (packs_a_) {
      pack_a(room.a, one_, stack, row + from, many, d.from, d.depth);
      if (two) pack_a(room.a + parts(d.depth, 2) * kPanel, two_, stack, row + from, many, 0, two_.K);
    } else if (g + 1 < groups) {
      room.ahead[0] = Ahead::of(a_at(one_, stack, row + from + many, d.from),
                                rows * (g + 2) / groups - from - many, d.depth, one_.K, panels * d.words);
    }
    const int64_t tiles = parts(many, tile_rows_);
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = many * t / tiles, R = many * (t + 1) / tiles - begin;
      const int64_t at = row + from + begin;
      const Word* first = packs_a_ ? room.a + begin : words_of(a_at(one_, stack, at, d.from));
      const Word* second = two && !packs_a_ ? words_of(a_at(two_, stack, at, 0)) : nullptr;
      const Stretch stretches[] = {{first, one_.K / 2, packs_a_ ? d.words : d.depth / 2},
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
        tile_of(R, columns > kLanes, packs_a_, d.from > 0)(stretches, two && !packs_a_ ? 2 : 1,
                                                           room.b + n * d.words * kPanel, sums, room.ahead,
                                                           done ? &output : nullptr);
        if (!d.last || done) continue;
        if (target_.turned) {
          const int64_t first_row = stack * N_ + (panel + n) * kPanel;
          finish_turned(target_, sums, R, columns, first_row * M_ + at, M_);
        } else {
          finish(target_, sums, R, columns, place + n * kPanel, (panel + n) * kPanel, N_);
        }
      }
    }
  }
}

// The same with (a b)^T = b^T a^T.
Product exchanged(const Product& p) {
  Product turned = p;
  std::swap(turned.a, turned.b);
  std::swap(turned.M, turned.N);
  turned.trans_a = !p.trans_b;
  turned.trans_b = !p.trans_a;
  return turned;
}

}  // namespace

Run bf16_product(const Instruction& i, const Product& p) {
  if (p.a.dtype != EASEL_BF16 || !product_detail::tiles_serve()) return nullptr;
  const bool floats = p.out.dtype == EASEL_F32;
  // Packing takes as long as multiplying six rows; of short sums memory is the bound.
  if (!floats && (p.accumulate || p.M < kLeastRows || p.K + p.second_K < kLeastDepth)) return nullptr;
  // Half a panel of columns has a load for each product, as many rows have one for two.
  if (floats && p.N <= kLanes && p.M > p.N) return Blocks(i, exchanged(p), true);
  return Blocks(i, p, false);
}

#else

Run bf16_product(const Instruction&, const Product&) { return nullptr; }

#endif

}  // namespace EASEL_ISA
}  // namespace easel
