#include "inputs.h"

#include <cstring>

#include "../../vectors/nine_taps.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace weight_detail {

Inputs::Inputs(const Conv2dShape& g, const bf16* x, bool lies, int64_t most, int64_t zeros)
    : g_(g), x_(x), lies_(lies), zeros_(zeros) {
  const int64_t row_bytes = words() * kPanel * int64_t(sizeof(Word));
  cuts_ = ratio_up(height(), std::max<int64_t>(most / (shifts() * row_bytes) - packed_rows(0), 1));
}

void Inputs::pack(Word* to, const Part& p, int64_t panel) const {
  lies_ ? pack_as_they_lie(to, p, panel) : pack_by_taps(to, p, panel);
  const int64_t line = shift_line(p.rows), zeros = zeros_ * kPanel;
  for (int64_t end = line; end <= shifts() * line; end += line)
    memset(to + end - zeros, 0, size_t(zeros) * sizeof(Word));
}

// Of the row of x at a kernel's row, channels of a panel on; null outside of the picture.
const bf16* Inputs::row_of(int64_t picture, int64_t row, int64_t panel) const {
  return row < 0 || row >= g_.H ? nullptr : x_ + (picture * g_.H + row) * g_.W * g_.I + panel * kPanel;
}

// What the pixel of dy at column k is multiplied by where the first one's lies at `column`, which may be
// outside of the picture as others may.
Narrow Inputs::pixel(const bf16* row, int64_t column, int64_t k, int64_t channels) const {
  const int64_t at = column + k * g_.stride;
  return row && k < g_.width && at >= 0 && at < g_.W ? load_first(row + at * g_.I, channels) : Narrow{};
}

void Inputs::pack_row(Word* to, const bf16* from, int64_t column, int64_t channels) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  for (int64_t k = 0; k < g_.width; k += 2, to += kPanel) {
    const Narrow a = pixel(from, column, k, channels), b = pixel(from, column, k + 1, channels);
    store(to, attention_detail::interleaved<0>(a, b, Each()));
    store(to + kLanes, attention_detail::interleaved<kLanes>(a, b, Each()));
  }
}

void Inputs::pack_by_taps(Word* to, const Part& p, int64_t panel) const {
  const int64_t line = words() * kPanel, rows = packed_rows(p.rows), picture = p.row / g_.height;
  for (int64_t shift = 0; shift < shifts(); ++shift, to += zeros_ * kPanel) {
    const int64_t first = p.row % g_.height * g_.stride - g_.top + shift / g_.KW;
    for (int64_t k = 0; k < rows; ++k, to += line)
      pack_row(to, row_of(picture, first + k * g_.stride, panel), shift % g_.KW - g_.left,
               g_.I - panel * kPanel);
  }
}

// Nine panels of columns, words of all rows in each.
void Inputs::pack_as_they_lie(Word* to, const Part& p, int64_t panel) const {
  using Each = std::make_integer_sequence<int, 2 * kLanes>;
  const int64_t apart = shift_line(p.rows);
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

}  // namespace weight_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
