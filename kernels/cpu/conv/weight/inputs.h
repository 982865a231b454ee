// A convolution's inputs packed for its weights' gradient: 32 channels of a part of the pictures, two pixels
// of a row of dy a word, a word of each channel, then the next.
//
// They are packed in one of two ways. By taps they are shifted once for each column of the kernel (a row of
// the kernel is another place to begin), and sums are laid out as weights lie when they are done. As weights
// lie, a channel's nine taps side by side, sums go straight to where they belong: that is less work where
// there are fewer pixels than outputs, and the gradients of 8x8 pictures are 59 MB for 4 ms.
#pragma once
#include "../../../executor/shapes/product/conv2d.h"
#include "../../product/gradient_tiles.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace weight_detail {

using namespace product_detail;

// Whether sums of float32 are to come out as weights lie.
inline bool pays_to_lie(const Conv2dShape& g) {
  return g.KH == 3 && g.KW == 3 && g.I % kPanel == 0 && g.N * g.height * ratio_up(g.width, 2) < g.O;
}

class Inputs {
 public:
  // Rows of dy, counted over all pictures; by taps all of one picture.
  struct Part {
    int64_t row, rows;
    bool first, last;
  };

  // Parts are such that about `most` bytes hold one. Behind each shift's words there are as many of 0.
  Inputs(const Conv2dShape& g, const bf16* x, bool lies, int64_t most, int64_t zeros);

  bool lies() const { return lies_; }
  int64_t panels() const { return ratio_up(g_.I, kPanel); }
  int64_t words() const { return ratio_up(g_.width, 2); }         // of a row of dy
  int64_t count() const { return lies_ ? cuts_ : g_.N * cuts_; }  // of parts
  int64_t most_rows() const { return ratio_up(height(), cuts_); }
  Part part(int64_t k) const {
    const int64_t n = k % cuts_, row = height() * n / cuts_;
    return {k / cuts_ * height() + row, height() * (n + 1) / cuts_ - row, k == 0, k == count() - 1};
  }

  size_t bytes() const { return size_t(shifts() * shift_line(most_rows())) * sizeof(Word); }
  void pack(Word* to, const Part& p, int64_t panel) const;
  // Where the words of a tap begin; packed as weights lie, those of 32 of the numbers of nine taps.
  int64_t at(int64_t tap, int64_t rows) const {
    if (!shares_rows()) return tap * shift_line(rows);
    return tap % g_.KW * shift_line(rows) + tap / g_.KW * words() * kPanel;
  }

 private:
  int64_t height() const { return lies_ ? g_.N * g_.height : g_.height; }  // that is cut
  // Packed rows of x that a part needs for a shift.
  bool shares_rows() const { return !lies_ && g_.stride == 1; }
  int64_t packed_rows(int64_t rows) const { return shares_rows() ? rows + g_.KH - 1 : rows; }
  int64_t shifts() const { return shares_rows() ? g_.KW : g_.taps(); }
  int64_t shift_line(int64_t rows) const { return (packed_rows(rows) * words() + zeros_) * kPanel; }

  Narrow pixel(const bf16* row, int64_t column, int64_t k, int64_t channels) const;
  const bf16* row_of(int64_t picture, int64_t row, int64_t panel) const;
  void pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const;
  void pack_by_taps(Word* to, const Part& p, int64_t panel) const;
  void pack_as_they_lie(Word* to, const Part& p, int64_t panel) const;

  Conv2dShape g_;
  const bf16* x_;
  bool lies_;
  int64_t zeros_, cuts_;
};

}  // namespace weight_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
