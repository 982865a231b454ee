// A product of bf16 cut into tasks for threads. A task is a block of columns by a block of rows. Its thread
// packs the columns of b, as deep as a part of the second-level cache holds, and goes over a's rows; by
// vectors memory is asked for the next task's b meanwhile. Sums that need several depths stay in float. Each
// is one sum from the first word to the last, whatever the blocks and threads.
#pragma once
#include <functional>

#include "../onednn.h"
#include "../vectors/shares.h"
#include "product_sums.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {

// One of the products that are added up: op(a) (M, K) op(b) (K, N).
struct Factors {
  const bf16 *a, *b;
  const float* wide;  // b, to be rounded, in the place of b
  int64_t K;
};

// How a product is cut: what suits those who multiply.
struct Cut {
  int64_t depth;         // numbers of a depth, at most
  int64_t packed_bytes;  // of a block of b: with what is beside it in the second-level cache
  int64_t most_panels;   // of a block of columns
  int64_t block_rows;    // of a block of rows, about
  int64_t row_unit;      // of which a block of rows is a multiple
  int64_t word_unit;     // of which a factor's words are a multiple; 0 is behind those that are there
  int64_t tile_rows;     // of a tile, at most, beside whose products the next b is asked for; 0: it is not
  int64_t packed_rows;   // of a, which are packed at once; 0: none are
  int64_t sum_rows;      // whose sums lie in memory even where there is one depth
  int64_t grain;         // multiplications for which a thread more is worth waking
  int64_t large;         // bytes of results in bf16 from which they go past the caches
  bool packs_panels;     // of b, whole; where columns are neighbours all of a block at once
};

class Blocks {
 public:
  virtual ~Blocks() = default;
  void operator()() const;

 protected:
  // A thread's memory, and what it holds.
  struct Room {
    int thread;
    Word *b, *a;
    float* sums;
    int64_t held;    // the block of b
    Ahead ahead[2];  // the next tile's rows of a; the next block of b or the next tile's residual
  };
  // Numbers [from, from + depth) of the first product's sum, and the whole second one if it is the last.
  struct Depth {
    int64_t from, depth, words;
    bool last;
  };
  // A task's rows and panels, as deep as b is packed.
  struct Part {
    Depth d;
    int64_t stack, panel, panels, row, rows;
  };

  Blocks(const Instruction& i, const Product& p, bool turned, const Cut& cut);
  // All that falls to a thread: each_part() calls f.
  virtual void work(Room& room) const = 0;
  void each_part(Room& room, const std::function<void(const Part&)>& f) const;

  int64_t words_for(int64_t n) const { return round_up(ratio_up(n, 2), cut_.word_unit); }
  int64_t width(int64_t panel) const { return std::min<int64_t>(kPanel, N_ - panel * kPanel); }
  const bf16* a_at(const Factors& f, int64_t stack, int64_t row, int64_t k) const {
    return f.a + stack * M_ * f.K + (trans_a_ ? k * M_ + row : row * f.K + k);
  }

  Cut cut_;
  Factors one_, two_;  // two_.K is 0 where there is no second product
  Target target_;
  bool trans_a_, trans_b_;
  int64_t stacks_, M_, N_, depths_;

 private:
  Depth depth_of(int64_t k) const;
  // Where a block of columns begins, and how many panels it has.
  std::pair<int64_t, int64_t> panels_of(int64_t b_block) const {
    const int64_t n = b_block % column_blocks_, from = panels_ * n / column_blocks_;
    return {from, panels_ * (n + 1) / column_blocks_ - from};
  }
  Ahead b_ahead(int64_t b_block, int64_t k, int64_t words) const;
  int64_t b_at(const Factors& f, int64_t stack, int64_t panel, int64_t k) const {
    return stack * f.K * N_ + (trans_b_ ? panel * kPanel * f.K + k : k * N_ + panel * kPanel);
  }
  // All panels of a part, behind so many words of them.
  void pack_b(Word* to, const Factors& f, const Part& part, int64_t k, int64_t depth, int64_t behind) const;

  int64_t panels_, column_blocks_, row_blocks_;
  int threads_;
  size_t b_bytes_, a_bytes_, sum_bytes_;
  Scratch scratch_;
  Shares shares_{1, 1};
};

// The same with (a b)^T = b^T a^T.
inline Product exchanged(const Product& p) {
  Product turned = p;
  std::swap(turned.a, turned.b);
  std::swap(turned.second_a, turned.second_b);
  std::swap(turned.M, turned.N);
  turned.trans_a = !p.trans_b;
  turned.trans_b = !p.trans_a;
  return turned;
}

// By tiles of AMX (amx_product.cpp).
Run amx_product(const Instruction& i, const Product& p);

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
