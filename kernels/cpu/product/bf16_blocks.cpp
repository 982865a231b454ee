// See bf16_blocks.h.
#include "bf16_blocks.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {
namespace {

// pack() of several whole panels whose columns are neighbours, `apart` words from one to the next: memory is
// read by whole lines of the matrix, a few at a time, and not 64 bytes of each.
template <typename T>
void pack_panels(Word* to, int64_t apart, const T* from, int64_t line, int64_t panels, int64_t depth) {
  constexpr int64_t kTogether = 4;  // words
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  for (int64_t k = 0; k < depth; k += 2 * kTogether, to += kTogether * kPanel) {
    const int64_t end = std::min(k + 2 * kTogether, depth);
    for (int64_t n = 0; n < panels; ++n) {
      Word* panel = to + n * apart;
      for (int64_t j = k; j < end; j += 2, panel += kPanel) {
        const T* at = from + j * line + n * kPanel;
        for (int64_t row = 0; row < 2; ++row) __builtin_prefetch(at + (2 * kTogether + row) * line);
        const Narrow a = load_first(at, kPanel), b = j + 1 < depth ? load_first(at + line, kPanel) : Narrow{};
        store(panel, attention_detail::interleaved<0>(a, b, Each()));
        store(panel + kLanes, attention_detail::interleaved<kLanes>(a, b, Each()));
      }
    }
  }
}

// The 16 bytes at `at`, and those of the columns 4, 8 and 12 behind it, `apart` bytes from one to the next.
inline __m512i quarters(const char* at, int64_t apart) {
  const auto quarter = [&](int n) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + n * apart));
  };
  __m512i x = _mm512_castsi128_si512(quarter(0));
  x = _mm512_mask_broadcast_i32x4(x, 0x00f0, quarter(1));
  x = _mm512_mask_broadcast_i32x4(x, 0x0f00, quarter(2));
  return _mm512_mask_broadcast_i32x4(x, 0xf000, quarter(3));
}

// pack() of a whole panel whose columns' numbers are neighbours, 32 after 32 of them. What loads put side by
// side need not be moved there: half as many shuffles are left as transposing whole vectors takes.
void pack_panel(Word* to, const bf16* from, int64_t line, int64_t depth) {
  const int64_t apart = line * int64_t(sizeof(bf16));
  for (int64_t half = 0; half < kPanel; half += kLanes)
    for (int64_t k = 0; k < depth; k += 2 * kLanes) {
      const char* at = reinterpret_cast<const char*>(from + half * line + k);
      Word* row = to + k / 2 * kPanel + half;
#pragma GCC unroll 4
      for (int64_t w = 0; w < kLanes; w += 4, at += 16, row += 4 * kPanel) {
        const __m512i a = quarters(at, 4 * apart), b = quarters(at + apart, 4 * apart),
                      c = quarters(at + 2 * apart, 4 * apart), d = quarters(at + 3 * apart, 4 * apart);
        const __m512i ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d),
                      high_ab = _mm512_unpackhi_epi32(a, b), high_cd = _mm512_unpackhi_epi32(c, d);
        _mm512_storeu_si512(row, _mm512_unpacklo_epi64(ab, cd));
        _mm512_storeu_si512(row + kPanel, _mm512_unpackhi_epi64(ab, cd));
        _mm512_storeu_si512(row + 2 * kPanel, _mm512_unpacklo_epi64(high_ab, high_cd));
        _mm512_storeu_si512(row + 3 * kPanel, _mm512_unpackhi_epi64(high_ab, high_cd));
      }
    }
}

int64_t lanes_of(int64_t columns) { return columns > kLanes ? kPanel : kLanes; }

}  // namespace

Blocks::Blocks(const Instruction& i, const Product& p, bool turned, const Cut& cut)
    : cut_(cut),
      one_{p.a.as<bf16>(), p.b.dtype == EASEL_F32 ? nullptr : p.b.as<bf16>(),
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
                  : goal_of(p.out.as<bf16>(), p.out.count(), turned ? p.M : p.N, true, cut.large)},
      trans_a_(p.trans_a),
      trans_b_(p.trans_b),
      stacks_(p.B),
      M_(p.M),
      N_(p.N),
      depths_(ratio_up(p.K, cut.depth)),
      panels_(ratio_up(p.N, kPanel)) {
  const int64_t work =
      stacks_ * std::max<int64_t>(M_, kLanes) * std::max<int64_t>(N_, kLanes) * (p.K + p.second_K);
  threads_ = int(std::clamp<int64_t>(work / cut.grain, 1, i.threads()));
  int64_t words = 0;
  for (int64_t k = 0; k < depths_; ++k) words = std::max(words, depth_of(k).words);
  const int64_t panel_bytes = words * kPanel * int64_t(sizeof(Word));
  column_blocks_ = ratio_up(panels_, std::clamp<int64_t>(cut.packed_bytes / panel_bytes, 1, cut.most_panels));
  row_blocks_ = ratio_up(M_, cut.block_rows);
  if (stacks_ % threads_) {  // the same for every thread
    // Each packs the rows of a transposed a, or the columns of b, that it shares with others; a plain a it
    // reads.
    const bool even = panels_ % threads_ == 0 || panels_ >= 16 * threads_,
               by_rows = cut.packs_panels && M_ >= (trans_a_ ? 1 : 2) * N_;
    if (M_ < 8 * threads_ || (even && !by_rows))
      column_blocks_ = std::min(panels_, round_up(column_blocks_, threads_));
    else
      row_blocks_ = round_up(row_blocks_, threads_);
  }
  const int64_t most_panels = ratio_up(panels_, column_blocks_);
  const int64_t most_rows =
      depths_ > 1 ? std::min(round_up(M_, cut.row_unit), round_up(ratio_up(M_, row_blocks_), kPanel) + kPanel)
                  : cut.sum_rows;
  b_bytes_ = size_t(most_panels * panel_bytes);
  a_bytes_ = size_t(cut.packed_rows * words * int64_t(sizeof(Word)));
  sum_bytes_ = size_t(most_panels * most_rows * kPanel * int64_t(sizeof(float)));
  scratch_ = i.scratch(size_t(threads_) * (b_bytes_ + a_bytes_ + sum_bytes_));
  shares_ = Shares(threads_, stacks_ * column_blocks_ * row_blocks_);
}

Blocks::Depth Blocks::depth_of(int64_t k) const {
  const auto begin = [&](int64_t n) { return std::min(one_.K, round_up(one_.K * n / depths_, kPanel)); };
  const bool last = k == depths_ - 1;
  const int64_t from = begin(k), depth = (last ? one_.K : begin(k + 1)) - from;
  return {from, depth, words_for(depth) + (last ? words_for(two_.K) : 0), last};
}

void Blocks::operator()() const {
  shares_.deal();
  const auto work = [this](int thread) {
    char* room = scratch_.get() + size_t(thread) * (b_bytes_ + a_bytes_ + sum_bytes_);
    Room r{thread,
           reinterpret_cast<Word*>(room),
           reinterpret_cast<Word*>(room + b_bytes_),
           reinterpret_cast<float*>(room + b_bytes_ + a_bytes_),
           -1,
           {}};
    this->work(r);
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

void Blocks::pack_b(Word* to, const Factors& f, const Part& part, int64_t k, int64_t depth,
                    int64_t behind) const {
  const int64_t apart = part.d.words * kPanel, line = trans_b_ ? f.K : N_, words = ratio_up(depth, 2);
  const auto panel_at = [&](int64_t n, int64_t lanes) { return to + n * apart + behind * lanes; };
  int64_t n = 0;
  if (cut_.packs_panels && !trans_b_) {
    n = part.panels - (width(part.panel + part.panels - 1) < kPanel);
    const int64_t at = b_at(f, part.stack, part.panel, k);
    if (f.wide)
      pack_panels(panel_at(0, kPanel), apart, f.wide + at, line, n, depth);
    else
      pack_panels(panel_at(0, kPanel), apart, f.b + at, line, n, depth);
  }
  for (; n < part.panels; ++n) {
    const int64_t columns = width(part.panel + n), at = b_at(f, part.stack, part.panel + n, k);
    Word* const panel = panel_at(n, lanes_of(columns));
    if (cut_.packs_panels && trans_b_ && !f.wide && columns == kPanel && depth % (2 * kLanes) == 0)
      pack_panel(panel, f.b + at, line, depth);
    else if (f.wide)
      pack(panel, columns > kLanes, trans_b_, f.wide + at, line, columns, depth);
    else
      pack(panel, columns > kLanes, trans_b_, f.b + at, line, columns, depth);
  }
  for (n = 0; n < part.panels; ++n) {
    const int64_t lanes = lanes_of(width(part.panel + n));
    Word* const panel = panel_at(n, lanes);
    std::fill(panel + words * lanes, panel + words_for(depth) * lanes, Word{});
  }
}

void Blocks::each_part(Room& room, const std::function<void(const Part&)>& f) const {
  for (int64_t task; (task = shares_.next(room.thread)) >= 0;) {
    const int64_t row_block = task % row_blocks_, b_block = task / row_blocks_;
    const int64_t stack = b_block / column_blocks_, units = ratio_up(M_, cut_.row_unit);
    const auto [panel, panels] = panels_of(b_block);
    const int64_t row = units * row_block / row_blocks_ * cut_.row_unit,
                  rows = std::min(M_, units * (row_block + 1) / row_blocks_ * cut_.row_unit) - row;
    if (rows <= 0) continue;
    for (int64_t k = 0; k < depths_; ++k) {
      const Part part{depth_of(k), stack, panel, panels, row, rows};
      const Depth& d = part.d;
      if (const int64_t block = b_block * depths_ + k; room.held != block) {
        pack_b(room.b, one_, part, d.from, d.depth, 0);
        if (d.last && two_.K) pack_b(room.b, two_, part, 0, two_.K, words_for(d.depth));
        room.held = block;
      }
      room.ahead[1] = {};
      if (const bool other = d.last; cut_.tile_rows && (!other || row_block == row_blocks_ - 1))
        room.ahead[1] =
            b_ahead(b_block + other, other ? 0 : k + 1, ratio_up(rows, cut_.tile_rows) * panels * d.words);
      f(part);
    }
  }
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
