// Bound by the tiles where there are many pixels, by memory that takes the gradient where there are few. dy
// is packed once, by all threads: tiles of 16 channels in rows, 16 words in each. A task is 32 input channels
// by a block of outputs: its thread packs the inputs for as many rows of the pictures as its second-level
// cache holds and goes over the outputs, 32 at a time, with all taps. Each sum is one from the first pixel to
// the last, whatever the threads.
#include "../../vectors/amx.h"
#include "../../vectors/shares.h"
#include "inputs.h"
#include "sums.h"
#include "weight.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {

namespace {

using namespace weight_detail;
using amx::kTile;

constexpr int64_t kPackedBytes = 1200000;    // of inputs, of a second-level cache of 2 MiB
constexpr int64_t kStep = kTile * kPanel;    // words of 32 channels that are multiplied together
constexpr int64_t kBlock = kPanel * kPanel;  // sums of 32 outputs by 32 inputs
// Steps of a sum from which its gradient leaves beside the next one's: of fewer there is too much of it.
constexpr int64_t kWoven = 4;
// Steps of a stretch, whose dy the first-level cache keeps while the inputs of all taps pass by.
constexpr int64_t kTogether = 16;

// Rows of sums that are packed as weights lie, on their way to the gradient: some vectors beside each step of
// the next ones, as memory takes them while tiles multiply.
struct Leaving {
  const float* from = nullptr;
  float* to = nullptr;
  int64_t line = 0, rows = 0, rate = 0, k = 0;  // k: of a row's nine pieces the next
  Goal goal = Goal::kWritten;

  void some() {
    if (!rows) return;
    put_all(goal, [&](auto put) {
      for (int64_t n = rate; n > 0 && rows; --n) {
        piece(put);
        if (++k == 9) next();
      }
    });
  }
  void all() {
    put_all(goal, [&](auto put) {
      for (; rows; next())
        for (; k < 9; ++k) piece(put);
    });
  }

 private:
  template <typename F>
  void piece(const F& put) const {
    put(to + k * kPanel, load(from + k * kBlock));
    put(to + k * kPanel + kLanes, load(from + k * kBlock + kLanes));
  }
  void next() { k = 0, --rows, from += kPanel, to += line; }
};

// Sums of 16 or 32 outputs by 32 inputs, from what other parts of the pictures gave, if that is given.
template <int R>
void multiply_tiles(const Word* dy, const Word* x, int64_t steps, const float* from, float* to,
                    Leaving& leaving) {
  constexpr int64_t kLine = kPanel * sizeof(float), kLower = kTile * kPanel, kWord = kTile * sizeof(Word);
  if (from) {
    amx::load<0>(from, kLine);
    amx::load<1>(from + kTile, kLine);
    if (R == 2) amx::load<2>(from + kLower, kLine);
    if (R == 2) amx::load<3>(from + kLower + kTile, kLine);
  } else {
    amx::clear<0>();
    amx::clear<1>();
    if (R == 2) amx::clear<2>();
    if (R == 2) amx::clear<3>();
  }
  for (const Word* const end = dy + steps * kStep; dy < end; dy += kStep, x += kStep) {
    amx::load<4>(dy, kWord);
    amx::load_past<6>(x, kLine);
    amx::multiply_add<0, 4, 6>();
    amx::load_past<7>(x + kTile, kLine);
    amx::multiply_add<1, 4, 7>();
    if (R == 2) amx::load<5>(dy + kStep / 2, kWord);
    if (R == 2) amx::multiply_add<2, 5, 6>();
    if (R == 2) amx::multiply_add<3, 5, 7>();
    leaving.some();
  }
  amx::store<0>(to, kLine);
  amx::store<1>(to + kTile, kLine);
  if (R == 2) amx::store<2>(to + kLower, kLine);
  if (R == 2) amx::store<3>(to + kLower + kTile, kLine);
}

class ByTiles {
 public:
  ByTiles(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x, const Tensor& dw,
          bool fresh);
  void operator()() const;

 private:
  struct Room {
    Word* x;
    float* sums;
  };

  const Word* dy(int64_t panel, int64_t part) const {
    return packed_dy_.get<Word>() + (panel * x_.count() + part) * steps_ * kStep;
  }
  void pack_dy(Word* to, const Inputs::Part& p, int64_t panel) const;
  void task(const Room& room, int64_t number) const;
  void multiply(const Room& room, int64_t part, int64_t panel, int64_t from, int64_t to) const;
  void put(const float* sums, int64_t rows, float* dw) const;

  Conv2dShape g_;
  const bf16* dy_;
  Gradient dw_;
  Inputs x_;
  int64_t steps_;  // of the largest part
  int64_t dy_panels_, blocks_;
  int threads_;
  size_t sum_bytes_;
  Scratch packed_dy_, rooms_;
  Shares shares_{1, 1};
};

ByTiles::ByTiles(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                 const Tensor& dw, bool fresh)
    : g_(g),
      dy_(dy.as<bf16>()),
      dw_(dw, g, fresh),
      x_(g, x.as<bf16>(), dw_.sums && pays_to_lie(g), kPackedBytes, kTile),
      steps_(ratio_up(x_.most_rows() * x_.words(), kTile)),
      dy_panels_(ratio_up(g.O, kPanel)),
      threads_(i.threads()) {
  const bool even = x_.panels() % threads_ == 0 || x_.panels() >= 8 * threads_;
  blocks_ = even ? 1 : std::min<int64_t>(threads_, dy_panels_);
  const int64_t panels = x_.count() > 1 ? dy_panels_ : 2;  // one is made while another leaves
  sum_bytes_ = size_t(panels * g.taps() * kBlock) * sizeof(float);
  packed_dy_ = i.scratch(size_t(dy_panels_ * x_.count() * steps_ * kStep) * sizeof(Word));
  rooms_ = i.scratch(size_t(threads_) * (x_.bytes() + sum_bytes_));
  shares_ = Shares(threads_, x_.panels() * blocks_);
}

void ByTiles::operator()() const {
  shares_.deal();
  const int64_t count = x_.count();
  parallel_for(dy_panels_ * count, 1, [&](int64_t from, int64_t to) {
    for (int64_t n = from; n < to; ++n)
      pack_dy(const_cast<Word*>(dy(n / count, n % count)), x_.part(n % count), n / count);
  });
  const auto work = [this](int thread) {
    char* room = rooms_.get() + size_t(thread) * (x_.bytes() + sum_bytes_);
    const Room r{reinterpret_cast<Word*>(room), reinterpret_cast<float*>(room + x_.bytes())};
    const amx::Session session;
    for (int64_t n; (n = shares_.next(thread)) >= 0;) task(r, n);
    _mm_sfence();  // behind what went past the caches
  };
  if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
  work(omp_get_thread_num());
}

// Words as x's are packed, rows for columns; 0 behind the last ones.
void ByTiles::pack_dy(Word* to, const Inputs::Part& p, int64_t panel) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  const int64_t words = p.rows * x_.words(), channels = g_.O - panel * kPanel;
  int64_t pixel = p.row * g_.width, column = 0;
  for (int64_t word = 0; word < words; word += kTile, to += kStep) {
    Vec low[kTile], high[kTile];
    for (int64_t k = 0; k < kTile; ++k) {
      low[k] = high[k] = Vec{};
      if (word + k >= words) continue;
      const bool both = column + 1 < g_.width;
      const bf16* from = dy_ + pixel * g_.O + panel * kPanel;
      const Narrow a = load_first(from, channels), b = both ? load_first(from + g_.O, channels) : Narrow{};
      low[k] = Vec(attention_detail::interleaved<0>(a, b, Each()));
      high[k] = Vec(attention_detail::interleaved<kLanes>(a, b, Each()));
      pixel += both ? 2 : 1;
      column = column + 2 < g_.width ? column + 2 : 0;
    }
    attention_detail::transpose(low);
    attention_detail::transpose(high);
    for (int64_t k = 0; k < kTile; ++k) {
      store(to + k * kTile, low[k]);
      store(to + kStep / 2 + k * kTile, high[k]);
    }
  }
}

void ByTiles::task(const Room& room, int64_t number) const {
  const int64_t panel = number / blocks_, block = number % blocks_;
  for (int64_t k = 0; k < x_.count(); ++k) {
    x_.pack(room.x, x_.part(k), panel);
    multiply(room, k, panel, dy_panels_ * block / blocks_, dy_panels_ * (block + 1) / blocks_);
  }
}

// Panels [from, to) of outputs.
void ByTiles::multiply(const Room& room, int64_t part, int64_t panel, int64_t from, int64_t to) const {
  const Inputs::Part p = x_.part(part);
  const int64_t steps = ratio_up(p.rows * x_.words(), kTile);
  const bool woven = steps >= kWoven;
  Leaving leaving;
  for (int64_t q = from; q < to; ++q) {
    const int64_t many = std::min<int64_t>(kPanel, g_.O - q * kPanel);
    const auto tiles = many > kTile ? multiply_tiles<2> : multiply_tiles<1>;
    float* const sums = room.sums + (x_.count() > 1 ? q - from : woven ? q % 2 : 0) * g_.taps() * kBlock;
    const int64_t stretches = ratio_up(steps, kTogether);
    for (int64_t s = 0; s < stretches; ++s) {
      const int64_t first = steps * s / stretches, some = steps * (s + 1) / stretches - first;
      for (int64_t tap = 0; tap < g_.taps(); ++tap) {
        float* kept = sums + tap * kBlock;
        tiles(dy(q, part) + first * kStep, room.x + x_.at(tap, p.rows) + first * kStep, some,
              p.first && !s ? nullptr : kept, kept, leaving);
      }
    }
    leaving.all();
    if (!p.last) continue;
    if (!x_.lies()) {
      dw_.lay(sums, kBlock, many, q * kPanel, panel);
      continue;
    }
    float* const dw = dw_.sums + (q * kPanel * g_.I + panel * kPanel) * 9;
    if (woven)
      leaving = {sums, dw, g_.I * 9, many, ratio_up(many, steps), 0, dw_.goal};
    else
      put(sums, many, dw);
  }
  leaving.all();
}

// Rows of sums that are packed as weights lie, at once.
void ByTiles::put(const float* sums, int64_t rows, float* dw) const {
  put_all(dw_.goal, [&](auto put) {
    for (int64_t r = 0; r < rows; ++r, sums += kPanel, dw += g_.I * 9)
      for (int64_t k = 0; k < 9; ++k) {
        put(dw + k * kPanel, load(sums + k * kBlock));
        put(dw + k * kPanel + kLanes, load(sums + k * kBlock + kLanes));
      }
  });
}

}  // namespace

Run conv2d_weight_by_tiles(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                           const Tensor& dw, bool fresh) {
  return ByTiles(i, g, dy, x, dw, fresh);
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
