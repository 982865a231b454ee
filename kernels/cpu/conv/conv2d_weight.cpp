// Bound by the multipliers: a product over pixels for each tap, two pixels of a row a word. dy is packed
// once, by all threads. A task is 32 input channels by a block of outputs: its thread packs the inputs for as
// many rows of the pictures as its second-level cache holds and goes over the outputs, twelve at most at a
// time, with all taps. Sums of several parts of the pictures stay in float. Each is one sum from the first
// pixel to the last, whatever the threads.
//
// Inputs are packed in one of two ways. By taps they are shifted once for each column of the kernel (a row of
// the kernel is another place to begin), and sums are laid out as weights lie when they are done. As weights
// lie, a channel's nine taps side by side, sums go straight to where they belong: that is less work where
// there are fewer pixels than outputs, and the gradients of 8x8 pictures are 59 MB for 4 ms.
#include "conv2d_weight.h"

#include "../product/gradient_tiles.h"
#include "../vectors/shares.h"
#include "nine_taps.h"

namespace easel {
inline namespace EASEL_ISA {

#if defined(__AVX512F__)

namespace {

using namespace product_detail;

constexpr int64_t kPackedBytes = 900000;  // of inputs, of a second-level cache of 1 MiB
constexpr int64_t kTaps = kLanes;         // at most

int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }

class Gradient {
 public:
  Gradient(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x, const Tensor& dw,
           bool fresh);
  void operator()() const;

 private:
  // Rows of dy, counted over all pictures; by taps all of one picture.
  struct Part {
    int64_t row, rows;
    bool first, last;
  };
  struct Room {
    Word* x;
    float* sums;
  };

  int64_t height() const { return lies_ ? g_.N * g_.height : g_.height; }  // that is cut
  int64_t count() const { return lies_ ? cuts_ : g_.N * cuts_; }           // of parts
  Part part(int64_t k) const {
    const int64_t n = k % cuts_, row = height() * n / cuts_;
    return {k / cuts_ * height() + row, height() * (n + 1) / cuts_ - row, k == 0, k == count() - 1};
  }
  // Packed rows of x that a part needs for a shift.
  bool shares_rows() const { return !lies_ && g_.stride == 1; }
  int64_t packed_rows(int64_t rows) const { return shares_rows() ? rows + g_.KH - 1 : rows; }
  int64_t shifts() const { return shares_rows() ? g_.KW : g_.taps(); }

  void pack_dy(int64_t panel) const;
  Narrow pixel(const bf16* row, int64_t column, int64_t k, int64_t channels) const;
  const bf16* row_of(int64_t picture, int64_t row, int64_t panel) const;
  void pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const;
  void pack_by_taps(Word* to, const Part& p, int64_t panel) const;
  void pack_as_they_lie(Word* to, const Part& p, int64_t panel) const;
  void task(const Room& room, int64_t number) const;
  void multiply(const Room& room, const Part& p, int64_t panel, int64_t from, int64_t to) const;
  void finish(const float* sums, int64_t rows, int64_t o, int64_t panel) const;

  Conv2dShape g_;
  const bf16 *dy_, *x_;
  bf16* dw_;     // or
  float* sums_;  // what is added to, or written
  Goal goal_;
  bool lies_;      // packed as weights lie
  int64_t words_;  // of a row of dy
  int64_t x_panels_, dy_panels_, cuts_, blocks_;
  int threads_;
  size_t x_bytes_, sum_bytes_;
  Scratch packed_dy_, rooms_;
  Shares shares_{1, 1};
};

Gradient::Gradient(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                   const Tensor& dw, bool fresh)
    : g_(g),
      dy_(dy.as<bf16>()),
      x_(x.as<bf16>()),
      dw_(dw.dtype == EASEL_BF16 ? dw.as<bf16>() : nullptr),
      sums_(dw_ ? nullptr : dw.as<float>()),
      goal_(dw_ ? Goal::kWritten : goal_of(dw.as<float>(), dw.count(), g.I * g.taps(), fresh)),
      lies_(sums_ && g.KH == 3 && g.KW == 3 && g.I % kPanel == 0 && g.N * g.height * parts(g.width, 2) < g.O),
      words_(parts(g.width, 2)),
      x_panels_(parts(g.I, kPanel)),
      dy_panels_(parts(g.O, kPanel)),
      threads_(i.threads()) {
  const int64_t row_bytes = words_ * kPanel * int64_t(sizeof(Word));
  const int64_t most = std::max<int64_t>(kPackedBytes / (shifts() * row_bytes) - packed_rows(0), 1);
  cuts_ = parts(height(), most);
  const bool even = x_panels_ % threads_ == 0 || x_panels_ >= 8 * threads_;
  blocks_ = even ? 1 : std::min<int64_t>(threads_, dy_panels_);
  x_bytes_ = size_t(shifts() * packed_rows(parts(height(), cuts_)) * row_bytes);
  const int64_t tiles = count() > 1 ? dy_panels_ * parts(kPanel, kRows) : 1;
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
    _mm_sfence();  // behind what went past the caches
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

// Of the row of x at a kernel's row, channels of a panel on; null outside of the picture.
const bf16* Gradient::row_of(int64_t picture, int64_t row, int64_t panel) const {
  return row < 0 || row >= g_.H ? nullptr : x_ + (picture * g_.H + row) * g_.W * g_.I + panel * kPanel;
}

// What the pixel of dy at column k is multiplied by where the first one's lies at `column`, which may be
// outside of the picture as others may.
Narrow Gradient::pixel(const bf16* row, int64_t column, int64_t k, int64_t channels) const {
  const int64_t at = column + k * g_.stride;
  return row && k < g_.width && at >= 0 && at < g_.W ? load_first(row + at * g_.I, channels) : Narrow{};
}

void Gradient::pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  for (int64_t k = 0; k < g_.width; k += 2, to += kPanel) {
    const Narrow a = pixel(from, column, k, channels), b = pixel(from, column, k + 1, channels);
    store(to, attention_detail::interleaved<0>(a, b, Each()));
    store(to + kLanes, attention_detail::interleaved<kLanes>(a, b, Each()));
  }
}

void Gradient::pack_by_taps(Word* to, const Part& p, int64_t panel) const {
  const int64_t line = words_ * kPanel, rows = packed_rows(p.rows), picture = p.row / g_.height;
  for (int64_t shift = 0; shift < shifts(); ++shift) {
    const int64_t first = p.row % g_.height * g_.stride - g_.top + shift / g_.KW;
    for (int64_t k = 0; k < rows; ++k, to += line)
      pack_row(to, row_of(picture, first + k * g_.stride, panel), shift % g_.KW - g_.left,
               g_.I - panel * kPanel);
  }
}

// Nine panels of columns, words of all rows in each.
void Gradient::pack_as_they_lie(Word* to, const Part& p, int64_t panel) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  const int64_t apart = p.rows * words_ * kPanel;
  for (int64_t row = p.row; row < p.row + p.rows; ++row) {
    const bf16* from[3];
    for (int64_t k = 0; k < 3; ++k)
      from[k] = row_of(row / g_.height, row % g_.height * g_.stride - g_.top + k, panel);
    for (int64_t k = 0; k < g_.width; k += 2, to += kPanel) {
      Vec taps[2][9], lie[2][9];
      for (int tap = 0; tap < 9; ++tap) {
        const int64_t column = tap % 3 - g_.left;
        const Narrow a = pixel(from[tap / 3], column, k, kPanel),
                     b = pixel(from[tap / 3], column, k + 1, kPanel);
        taps[0][tap] = Vec(attention_detail::interleaved<0>(a, b, Each()));
        taps[1][tap] = Vec(attention_detail::interleaved<kLanes>(a, b, Each()));
      }
      for (int half = 0; half < 2; ++half) {
        nine_taps::lay(taps[half], lie[half]);
        for (int v = 0; v < 9; ++v)
          store(to + (9 * half + v) / 2 * apart + (9 * half + v) % 2 * kLanes, lie[half][v]);
      }
    }
  }
}

void Gradient::task(const Room& room, int64_t number) const {
  const int64_t panel = number / blocks_, block = number % blocks_;
  for (int64_t k = 0; k < count(); ++k) {
    const Part p = part(k);
    lies_ ? pack_as_they_lie(room.x, p, panel) : pack_by_taps(room.x, p, panel);
    multiply(room, p, panel, dy_panels_ * block / blocks_, dy_panels_ * (block + 1) / blocks_);
  }
}

// Panels [from, to) of outputs.
void Gradient::multiply(const Room& room, const Part& p, int64_t panel, int64_t from, int64_t to) const {
  const int64_t line = words_ * kPanel, words = p.rows * words_, shift_line = packed_rows(p.rows) * line;
  float* sums = room.sums;
  for (int64_t q = from; q < to; ++q) {
    const int64_t many = std::min<int64_t>(kPanel, g_.O - q * kPanel), tiles = parts(many, kRows);
    const Word* dy = packed_dy_.get<Word>() + (q * g_.N * g_.height + p.row) * line;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = many * t / tiles, R = many * (t + 1) / tiles - begin;
      float* dw = sums_ + ((q * kPanel + begin) * g_.I + panel * kPanel) * g_.taps();
      for (int64_t tap = 0; tap < g_.taps(); ++tap) {
        const int64_t at = shares_rows() ? tap % g_.KW * shift_line + tap / g_.KW * line : tap * shift_line;
        float* kept = sums + tap * kRows * kPanel;
        Sums s{p.first ? nullptr : kept, kept, kPanel, Goal::kWritten};
        if (lies_ && p.last) s.to = dw + tap * kPanel, s.line = g_.I * g_.taps(), s.goal = goal_;
        gradient_tile(R, dy + begin, room.x + at, words, s);
      }
      if (!lies_ && p.last) finish(sums, R, q * kPanel + begin, panel);
      if (count() > 1) sums += g_.taps() * kRows * kPanel;
    }
  }
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
        Vec nine[9], lie[9];
        for (int t = 0; t < 9; ++t) nine[t] = load(of + t * kRows * kPanel);
        nine_taps::lay(nine, lie);
        put_all(goal_, [&](auto put) {
          for (int k = 0; k < 9; ++k) put(sums_ + at + k * kLanes, lie[k]);
        });
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
      const auto added = __mmask16(goal_ == Goal::kAdded ? mask : 0);
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l)
        if (l < many) x[l] += (Vec)_mm512_maskz_loadu_ps(added, sums_ + at + l * taps);
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l)
        if (l < many) _mm512_mask_storeu_ps(sums_ + at + l * taps, __mmask16(mask), (__m512)x[l]);
    }
  }
}

}  // namespace

Run conv2d_weight(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                  const Tensor& dw, bool fresh) {
  if (x.dtype != EASEL_BF16 || !product_detail::tiles_serve()) return nullptr;
  if (g.taps() > kTaps) return nullptr;
  return Gradient(i, g, dy, x, dw, fresh);
}

#else

Run conv2d_weight(const Instruction&, const Conv2dShape&, const Tensor&, const Tensor&, const Tensor&, bool) {
  return nullptr;
}

#endif

}  // namespace EASEL_ISA
}  // namespace easel
