// Bound by the multipliers: a product over pixels for each tap, two pixels of a row a word. dy is packed
// once, by all threads. A task is 32 input channels by a block of outputs: its thread packs the inputs,
// shifted once for each column of the kernel (a row of the kernel is another place to begin), for as many
// rows of the picture as its second-level cache holds, and goes over the outputs, twelve at most at a time,
// with all taps. Sums of several parts of the pictures stay in float. Each is one sum from the first pixel to
// the last, whatever the threads.
#include "conv2d_weight.h"

#include "../product/product_tiles.h"
#include "../vectors/shares.h"

namespace easel {
inline namespace EASEL_ISA {

#if defined(__AVX512F__)

namespace {

using namespace product_detail;
using attention_detail::EachLane;
using attention_detail::IntVec;

constexpr int64_t kPackedBytes = 900000;  // of inputs, of a second-level cache of 1 MiB
constexpr int64_t kTaps = kLanes;         // at most

int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }

// Units of U lanes of a and b side by side, of their lower or higher halves.
template <int U, bool High, int... L>
Vec side_by_side(Vec a, Vec b, std::integer_sequence<int, L...>) {
  constexpr int kFrom = High ? kLanes / 2 : 0;
  return __builtin_shuffle(a, b, IntVec{(kFrom + L / (2 * U) * U + L % U + L / U % 2 * kLanes)...});
}
template <int U>
Vec side_by_side(Vec a, Vec b, bool high) {
  return high ? side_by_side<U, true>(a, b, EachLane()) : side_by_side<U, false>(a, b, EachLane());
}

// Lanes [16 k, 16 k + 16) of 9 numbers of each channel: the first 8 of channels 2 j and 2 j + 1 lie in
// eights[j], the last ones in ninths.
template <int K, int... L>
Vec nines(const Vec* eights, Vec ninths, std::integer_sequence<int, L...>) {
  constexpr int kFirst = 16 * K / 9 / 2, kSecond = (16 * K + 15) / 9 / 2;
  const Vec both = __builtin_shuffle(
      eights[kFirst], eights[kSecond],
      IntVec{((16 * K + L) / 9 % 2 * 8 + (16 * K + L) % 9 % 8 + ((16 * K + L) / 18 - kFirst) * kLanes)...});
  return __builtin_shuffle(both, ninths, IntVec{((16 * K + L) % 9 == 8 ? kLanes + (16 * K + L) / 9 : L)...});
}
template <int... K>
void add_nines(float* to, const Vec* eights, Vec ninths, std::integer_sequence<int, K...>) {
  (store(to + K * kLanes, load(to + K * kLanes) + nines<K>(eights, ninths, EachLane())), ...);
}

// to (16 channels, 9 taps) += taps that lie `line` apart, 16 channels side by side.
void add_taps(float* to, const float* taps, int64_t line) {
  Vec twos[8], fours[8], eights[8];
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) {
    const float* at = taps + k / 2 * 2 * line;
    twos[k] = side_by_side<1>(load(at), load(at + line), k % 2);
  }
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k)
    fours[k] = side_by_side<2>(twos[k / 4 * 4 + k % 4 / 2], twos[k / 4 * 4 + 2 + k % 4 / 2], k % 2);
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) eights[k] = side_by_side<4>(fours[k / 2], fours[4 + k / 2], k % 2);
  add_nines(to, eights, load(taps + 8 * line), std::make_integer_sequence<int, 9>());
}

class Gradient {
 public:
  Gradient(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x, const Tensor& dw);
  void operator()() const;

 private:
  // Rows of dy of one picture.
  struct Part {
    int64_t picture, row, rows;
    bool first, last;
  };
  struct Room {
    Word* x;
    float* sums;
  };

  Part part(int64_t k) const {
    const int64_t n = k % cuts_, row = g_.height * n / cuts_;
    return {k / cuts_, row, g_.height * (n + 1) / cuts_ - row, k == 0, k == g_.N * cuts_ - 1};
  }
  // Packed rows of x that a part needs for a shift.
  int64_t packed_rows(int64_t rows) const { return g_.stride == 1 ? rows + g_.KH - 1 : rows; }
  int64_t shifts() const { return g_.stride == 1 ? g_.KW : g_.taps(); }

  void pack_dy(int64_t panel) const;
  void pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const;
  void pack_x(Word* to, const Part& p, int64_t panel) const;
  void task(const Room& room, int64_t number) const;
  void multiply(const Room& room, const Part& p, int64_t panel, int64_t from, int64_t to) const;
  void ask(int64_t tap, int64_t rows, int64_t o, int64_t panel) const;
  void finish(const float* sums, int64_t rows, int64_t o, int64_t panel) const;

  Conv2dShape g_;
  const bf16 *dy_, *x_;
  bf16* dw_;       // or
  float* sums_;    // what is added to
  int64_t words_;  // of a row of dy
  int64_t x_panels_, dy_panels_, cuts_, blocks_;
  int threads_;
  size_t x_bytes_, sum_bytes_;
  Scratch packed_dy_, rooms_;
  Shares shares_{1, 1};
};

Gradient::Gradient(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                   const Tensor& dw)
    : g_(g),
      dy_(dy.as<bf16>()),
      x_(x.as<bf16>()),
      dw_(dw.dtype == EASEL_BF16 ? dw.as<bf16>() : nullptr),
      sums_(dw_ ? nullptr : dw.as<float>()),
      words_(parts(g.width, 2)),
      x_panels_(parts(g.I, kPanel)),
      dy_panels_(parts(g.O, kPanel)),
      threads_(i.threads()) {
  const int64_t row_bytes = words_ * kPanel * int64_t(sizeof(Word));
  const int64_t most = std::max<int64_t>(kPackedBytes / (shifts() * row_bytes) - packed_rows(0), 1);
  cuts_ = parts(g.height, most);
  const bool even = x_panels_ % threads_ == 0 || x_panels_ >= 8 * threads_;
  blocks_ = even ? 1 : std::min<int64_t>(threads_, dy_panels_);
  x_bytes_ = size_t(shifts() * packed_rows(parts(g.height, cuts_)) * row_bytes);
  const int64_t tiles = g.N * cuts_ > 1 ? dy_panels_ * parts(kPanel, kRows) : 1;
  sum_bytes_ = size_t(tiles * g.taps() * kRows * kPanel) * sizeof(float);
  packed_dy_ = i.scratch(size_t(dy_panels_ * g.N * g.height * row_bytes));
  rooms_ = i.scratch(size_t(threads_) * (x_bytes_ + sum_bytes_));
  shares_ = Shares(threads_, x_panels_ * blocks_);
}

void Gradient::operator()() const {
  shares_.deal();
  const auto pack = [this](int64_t from, int64_t to) {
    for (int64_t panel = from; panel < to; ++panel) pack_dy(panel);
  };
  parallel_for(dy_panels_, 1, pack);
  const auto work = [this](int thread) {
    char* room = rooms_.get() + size_t(thread) * (x_bytes_ + sum_bytes_);
    const Room r{reinterpret_cast<Word*>(room), reinterpret_cast<float*>(room + x_bytes_)};
    for (int64_t n; (n = shares_.next(thread)) >= 0;) task(r, n);
  };
  if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
  work(omp_get_thread_num());
}

void Gradient::pack_dy(int64_t panel) const {
  const int64_t rows = g_.N * g_.height, line = words_ * kPanel, channels = g_.O - panel * kPanel;
  Word* to = packed_dy_.get<Word>() + panel * rows * line;
  for (int64_t row = 0; row < rows; ++row)
    pack_rows<2>(to + row * line, dy_ + row * g_.width * g_.O + panel * kPanel, g_.O, channels, g_.width);
}

// A row's pixels for the first column of dy at `column`, which may lie outside of the picture as others may.
void Gradient::pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  const auto pixel = [&](int64_t k) {
    const int64_t at = column + k * g_.stride;
    return k < g_.width && at >= 0 && at < g_.W ? load_first(from + at * g_.I, channels) : Narrow{};
  };
  for (int64_t k = 0; k < g_.width; k += 2, to += kPanel) {
    const Narrow a = pixel(k), b = pixel(k + 1);
    store(to, attention_detail::interleaved<0>(a, b, Each()));
    store(to + kLanes, attention_detail::interleaved<kLanes>(a, b, Each()));
  }
}

void Gradient::pack_x(Word* to, const Part& p, int64_t panel) const {
  const int64_t line = words_ * kPanel, rows = packed_rows(p.rows);
  for (int64_t shift = 0; shift < shifts(); ++shift) {
    const int64_t first = p.row * g_.stride - g_.top + shift / g_.KW, column = shift % g_.KW - g_.left;
    for (int64_t k = 0; k < rows; ++k, to += line) {
      const int64_t row = first + k * g_.stride;
      if (row < 0 || row >= g_.H)
        std::fill_n(to, line, 0.0f);
      else
        pack_row(to, x_ + (p.picture * g_.H + row) * g_.W * g_.I + panel * kPanel, column,
                 g_.I - panel * kPanel);
    }
  }
}

void Gradient::task(const Room& room, int64_t number) const {
  const int64_t panel = number / blocks_, block = number % blocks_;
  for (int64_t k = 0; k < g_.N * cuts_; ++k) {
    const Part p = part(k);
    pack_x(room.x, p, panel);
    multiply(room, p, panel, dy_panels_ * block / blocks_, dy_panels_ * (block + 1) / blocks_);
  }
}

// Panels [from, to) of outputs.
void Gradient::multiply(const Room& room, const Part& p, int64_t panel, int64_t from, int64_t to) const {
  const int64_t line = words_ * kPanel, words = p.rows * words_, shift_line = packed_rows(p.rows) * line;
  float* sums = room.sums;
  for (int64_t q = from; q < to; ++q) {
    const int64_t many = std::min<int64_t>(kPanel, g_.O - q * kPanel), tiles = parts(many, kRows);
    const Word* dy = packed_dy_.get<Word>() + ((q * g_.N + p.picture) * g_.height + p.row) * line;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = many * t / tiles, R = many * (t + 1) / tiles - begin;
      const Word* rows[kRows];
      for (int64_t r = 0; r < R; ++r) rows[r] = dy + begin + r;
      const Stretch stretch{rows, words};
      Ahead none[2];
      const auto tile = tile_of(R, true, true, !p.first);
      for (int64_t tap = 0; tap < g_.taps(); ++tap) {
        const int64_t at = g_.stride == 1 ? tap % g_.KW * shift_line + tap / g_.KW * line : tap * shift_line;
        if (p.last) ask(tap, R, q * kPanel + begin, panel);
        tile(&stretch, 1, room.x + at, sums + tap * kRows * kPanel, none);
      }
      if (p.last) finish(sums, R, q * kPanel + begin, panel);
      if (g_.N * cuts_ > 1) sums += g_.taps() * kRows * kPanel;
    }
  }
}

// Asks for memory that finish() changes.
void Gradient::ask(int64_t tap, int64_t rows, int64_t o, int64_t panel) const {
  if (!sums_ || g_.I - panel * kPanel < kPanel) return;
  const float* at = sums_ + (o * g_.I + panel * kPanel) * g_.taps() + tap * kPanel;
  for (int64_t r = 0; r < rows; ++r, at += g_.I * g_.taps())
    for (int v = 0; v < 2; ++v) __builtin_prefetch(at + v * kLanes, 1);
}

void Gradient::finish(const float* sums, int64_t rows, int64_t o, int64_t panel) const {
  const int64_t taps = g_.taps();
  const uint32_t mask = first(taps);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < 2; ++v) {
      const int64_t channel = panel * kPanel + v * kLanes, many = std::min<int64_t>(kLanes, g_.I - channel);
      const int64_t at = ((o + r) * g_.I + channel) * taps;
      const float* of = sums + r * kPanel + v * kLanes;
      if (sums_ && taps == 9 && many == kLanes) {
        add_taps(sums_ + at, of, kRows * kPanel);
        continue;
      }
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int64_t t = 0; t < kLanes; ++t) x[t] = t < taps ? load(of + t * kRows * kPanel) : Vec{};
      attention_detail::transpose(x);
      if (dw_) {
        for (int64_t l = 0; l < many; ++l)
          _mm512_mask_storeu_epi16(dw_ + at + l * taps, mask, (__m512i)narrowed(x[l], Vec{}));
        continue;
      }
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l)
        if (l < many) x[l] += (Vec)_mm512_maskz_loadu_ps(__mmask16(mask), sums_ + at + l * taps);
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l)
        if (l < many) _mm512_mask_storeu_ps(sums_ + at + l * taps, __mmask16(mask), (__m512)x[l]);
    }
  }
}

}  // namespace

Run conv2d_weight(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                  const Tensor& dw) {
  if (x.dtype != EASEL_BF16 || !product_detail::tiles_serve()) return nullptr;
  if (g.taps() > kTaps) return nullptr;
  return Gradient(i, g, dy, x, dw);
}

#else

Run conv2d_weight(const Instruction&, const Conv2dShape&, const Tensor&, const Tensor&, const Tensor&) {
  return nullptr;
}

#endif

}  // namespace EASEL_ISA
}  // namespace easel
