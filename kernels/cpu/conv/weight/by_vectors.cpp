// Bound by the multipliers (product_tiles.h). dy is packed once, by all threads. A task is 32 input channels
// by a block of outputs: its thread packs the inputs for as many rows of the pictures as its second-level
// cache holds and goes over the outputs, twelve at most at a time, with all taps. Sums of several parts of
// the pictures stay in float. Each is one sum from the first pixel to the last, whatever the threads.
#include "../../vectors/amx.h"
#include "../../vectors/shares.h"
#include "inputs.h"
#include "sums.h"
#include "weight.h"

namespace easel {
inline namespace EASEL_ISA {

#if defined(__AVX512F__)

namespace {

using namespace weight_detail;

constexpr int64_t kPackedBytes = 900000;  // of inputs, of a second-level cache of 1 MiB

class ByVectors {
 public:
  ByVectors(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x, const Tensor& dw,
            bool fresh);
  void operator()() const;

 private:
  struct Room {
    Word* x;
    float* sums;
  };

  void pack_dy(int64_t panel) const;
  void task(const Room& room, int64_t number) const;
  void multiply(const Room& room, const Inputs::Part& p, int64_t panel, int64_t from, int64_t to) const;

  Conv2dShape g_;
  const bf16* dy_;
  Gradient dw_;
  Inputs x_;
  int64_t dy_panels_, blocks_;
  int threads_;
  size_t sum_bytes_;
  Scratch packed_dy_, rooms_;
  Shares shares_{1, 1};
};

ByVectors::ByVectors(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                     const Tensor& dw, bool fresh)
    : g_(g),
      dy_(dy.as<bf16>()),
      dw_(dw, g, fresh),
      x_(g, x.as<bf16>(), dw_.sums && pays_to_lie(g), kPackedBytes, 0),
      dy_panels_(ratio_up(g.O, kPanel)),
      threads_(i.threads()) {
  const bool even = x_.panels() % threads_ == 0 || x_.panels() >= 8 * threads_;
  blocks_ = even ? 1 : std::min<int64_t>(threads_, dy_panels_);
  const int64_t tiles = x_.count() > 1 ? dy_panels_ * ratio_up(kPanel, kRows) : 1;
  sum_bytes_ = size_t(tiles * g.taps() * kRows * kPanel) * sizeof(float);
  packed_dy_ = i.scratch(size_t(dy_panels_ * g.N * g.height * x_.words() * kPanel) * sizeof(Word));
  rooms_ = i.scratch(size_t(threads_) * (x_.bytes() + sum_bytes_));
  shares_ = Shares(threads_, x_.panels() * blocks_);
}

void ByVectors::operator()() const {
  shares_.deal();
  const auto pack = [this](int64_t from, int64_t to) {
    for (int64_t panel = from; panel < to; ++panel) pack_dy(panel);
  };
  parallel_for(dy_panels_, 1, pack);
  const auto work = [this](int thread) {
    char* room = rooms_.get() + size_t(thread) * (x_.bytes() + sum_bytes_);
    const Room r{reinterpret_cast<Word*>(room), reinterpret_cast<float*>(room + x_.bytes())};
    for (int64_t n; (n = shares_.next(thread)) >= 0;) task(r, n);
    _mm_sfence();  // behind what went past the caches
  };
  if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
  work(omp_get_thread_num());
}

void ByVectors::pack_dy(int64_t panel) const {
  const int64_t rows = g_.N * g_.height, line = x_.words() * kPanel, channels = g_.O - panel * kPanel;
  Word* to = packed_dy_.get<Word>() + panel * rows * line;
  for (int64_t row = 0; row < rows; ++row)
    pack_rows<2>(to + row * line, dy_ + row * g_.width * g_.O + panel * kPanel, g_.O, channels, g_.width);
}

void ByVectors::task(const Room& room, int64_t number) const {
  const int64_t panel = number / blocks_, block = number % blocks_;
  for (int64_t k = 0; k < x_.count(); ++k) {
    const Inputs::Part p = x_.part(k);
    x_.pack(room.x, p, panel);
    multiply(room, p, panel, dy_panels_ * block / blocks_, dy_panels_ * (block + 1) / blocks_);
  }
}

// Panels [from, to) of outputs.
void ByVectors::multiply(const Room& room, const Inputs::Part& p, int64_t panel, int64_t from,
                         int64_t to) const {
  const int64_t line = x_.words() * kPanel, words = p.rows * x_.words();
  float* sums = room.sums;
  for (int64_t q = from; q < to; ++q) {
    const int64_t many = std::min<int64_t>(kPanel, g_.O - q * kPanel), tiles = ratio_up(many, kRows);
    const Word* dy = packed_dy_.get<Word>() + (q * g_.N * g_.height + p.row) * line;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = many * t / tiles, R = many * (t + 1) / tiles - begin;
      float* dw = dw_.sums + ((q * kPanel + begin) * g_.I + panel * kPanel) * g_.taps();
      for (int64_t tap = 0; tap < g_.taps(); ++tap) {
        float* kept = sums + tap * kRows * kPanel;
        Sums s{p.first ? nullptr : kept, kept, kPanel, Goal::kWritten};
        if (x_.lies() && p.last) s.to = dw + tap * kPanel, s.line = g_.I * g_.taps(), s.goal = dw_.goal;
        gradient_tile(R, dy + begin, room.x + x_.at(tap, p.rows), words, s);
      }
      if (!x_.lies() && p.last) dw_.lay(sums, kRows * kPanel, R, q * kPanel + begin, panel);
      if (x_.count() > 1) sums += g_.taps() * kRows * kPanel;
    }
  }
}

}  // namespace

Run conv2d_weight(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                  const Tensor& dw, bool fresh) {
  if (x.dtype != EASEL_BF16) return nullptr;
  if (amx::serves()) return conv2d_weight_by_tiles(i, g, dy, x, dw, fresh);
  if (!attention_detail::multiplies_bf16()) return nullptr;
  return ByVectors(i, g, dy, x, dw, fresh);
}

#else

Run conv2d_weight(const Instruction&, const Conv2dShape&, const Tensor&, const Tensor&, const Tensor&, bool) {
  return nullptr;
}

#endif

}  // namespace EASEL_ISA
}  // namespace easel
