// Operands of attention's products as tiles read them, and back.
#pragma once
#include "../vectors/attention_tiles.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

// Half-precision operands as floats and back.
template <typename From, typename To>
void convert(const From* from, To* to, int64_t n) {
  parallel_for(n, 1 << 14, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t j = begin; j < end; ++j) to[j] = from_float<To>(to_float(from[j]));
  });
}

// The first kLanes words from here on, or n of them: others are 0, or stay as they are. Of bf16 words are
// made of what lies side by side in two rows, 0 where there is no second one, and rounded from floats.
Vec load_some(const Word* from, int64_t n);
void store_some(Word* to, Vec x, int64_t n);
Vec load_some(const bf16* from, const bf16* second, int64_t n);
void store_some(bf16* to, Vec x, int64_t n);

#if defined(__AVX512F__)
inline __mmask16 first(int64_t n) { return n >= kLanes ? __mmask16(-1) : __mmask16((1 << n) - 1); }
inline Vec load_some(const Word* from, int64_t n) { return _mm512_maskz_loadu_ps(first(n), from); }
inline void store_some(Word* to, Vec x, int64_t n) { _mm512_mask_storeu_ps(to, first(n), x); }
inline Vec load_some(const bf16* from, const bf16* second, int64_t n) {
  const auto words = [n](const bf16* x) {
    return (IntVec)_mm512_maskz_cvtepu16_epi32(first(n), _mm256_maskz_loadu_epi16(first(n), x));
  };
  return (Vec)(second ? words(from) | words(second) << 16 : words(from));
}
inline void store_some(bf16* to, Vec x, int64_t n) {
  const Short rounded = __builtin_convertvector((Bits)and_half(x) >> 16, Short);
  _mm256_mask_storeu_epi16(to, first(n), (__m256i)rounded);
}
#else
inline Vec load_some(const Word* from, int64_t n) {
  if (n >= kLanes) return load(from);
  float some[kLanes] = {};
  memcpy(some, from, sizeof(Word) * size_t(n));
  return load(some);
}
inline void store_some(Word* to, Vec x, int64_t n) {
  float some[kLanes];
  store(some, x);
  memcpy(to, some, sizeof(Word) * size_t(std::min<int64_t>(n, kLanes)));
}
#endif
inline Vec load_some(const float* from, const float*, int64_t n) { return load_some(from, n); }

// f(first, x) for columns [first, first + kLanes) of up to kLanes rows of words: x[k] is column first + k.
// The last columns may come a second time; where there are fewer, and where rows are missing, x is 0.
template <typename F>
inline void by_columns(const Word* from, int64_t line, int64_t rows, int64_t words, const F& f) {
  for (int64_t first = 0;;) {
    Vec x[kLanes];
#pragma GCC unroll 16
    for (int r = 0; r < kLanes; ++r) x[r] = r < rows ? load_some(from + r * line + first, words) : Vec{};
    transpose(x);
    f(first, x);
    if (first + kLanes >= words) return;
    first = std::min(first + kLanes, words - kLanes);
  }
}

// Rows of words as columns: to (words, lanes) with rows `to_line` apart, up to whole panels, 0 where rows are
// missing.
template <typename T>
void across(const T* from, int64_t line, int64_t rows, int64_t width, float* to, int64_t to_line) {
  const int64_t words = width / kPer<T>;
  line /= kPer<T>;
  for (int64_t q = 0; q < round_up(rows, kPanel); q += kLanes)
    by_columns(words_of(from) + q * line, line, rows - q, words, [&](int64_t first, const Vec(&x)[kLanes]) {
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k)
        if (k < words) store(to + (first + k) * to_line + q, x[k]);
    });
}

// Of each row of a and b the sum of products, up to whole vectors of rows, 0 where rows are missing.
template <typename T>
void dots(const T* a, const T* b, int64_t line, int64_t rows, int64_t width, float* to) {
  const int64_t words = width / kPer<T>;
  line /= kPer<T>;
  for (int64_t q = 0; q < rows; q += kLanes) {
    Vec x[kLanes] = {};
#pragma GCC unroll 16
    for (int r = 0; r < kLanes; ++r) {
      if (q + r >= rows) break;
      const Word *of_a = words_of(a) + (q + r) * line, *of_b = words_of(b) + (q + r) * line;
      for (int64_t k = 0; k < words; k += kLanes)
        x[r] = multiply_add<T>(x[r], load_some(of_a + k, words - k), load_some(of_b + k, words - k));
    }
    transpose(x);
#pragma GCC unroll 16
    for (int r = 1; r < kLanes; ++r) x[0] += x[r];
    store(to + q, x[0]);
  }
}

// Rows [0, rows) as what is spread where they are a product's rows: a block of R after the other, (words, R),
// 0 where rows are missing.
template <typename T, int R>
void spread_rows(const T* from, int64_t line, int64_t rows, int64_t width, float* to) {
  const int64_t words = width / kPer<T>;
  for (int64_t r = 0; r < round_up(rows, R); ++r) {
    const Word* x = words_of(from + r * line);
    float* at = to + r / R * R * words + r % R;
    for (int64_t k = 0; k < words; ++k) at[k * R] = r < rows ? x[k] : 0;
  }
}

// Rows [0, rows) as what is spread where their columns are a product's rows: to is the first of their words
// in the first block. Rows are counted up to a multiple of kPer.
template <typename T>
void spread_columns(const T* from, int64_t line, int64_t rows, const Blocks& columns, int64_t total,
                    int64_t first, float* to) {
  for (int64_t r = 0; r < rows; r += kPer<T>) {
    const T *x = from + r * line, *y = r + 1 < rows ? x + line : nullptr;
    for (int64_t k = 0; k < columns.count; ++k) {
      const int64_t c = columns.begin(k), n = columns.begin(k + 1) - c;
      float* at = to + c * total + (first + r / kPer<T>)*n;
      for (int64_t l = 0; l < n; l += kLanes)
        store_some(at + l, load_some(x + c + l, y ? y + c + l : y, n - l), n - l);
    }
  }
}

// Rows as the lanes' operand of a sum over rows: to (words, lanes), 0 where rows or columns are missing, up
// to whole panels. A word of bf16 is of rows kLanes apart, as pairs_of makes them of a panel's two vectors.
template <typename T>
void along(const T* from, int64_t line, int64_t rows, int64_t width, int64_t lanes, float* to) {
  for (int64_t panel = 0; panel < rows; panel += kPanel)
    for (int64_t r = panel; r < panel + kPanel / kPer<T>; ++r, to += lanes) {
      const T *x = from + r * line, *y = r + kLanes < rows ? x + kLanes * line : nullptr;
      if (r >= rows)
        std::fill(to, to + lanes, 0.f);
      else
        for (int64_t c = 0; c < lanes; c += kLanes)
          store_some(to + c, load_some(x + c, y ? y + c : y, std::max<int64_t>(width - c, 0)), lanes - c);
    }
}

// Sums (rows, lanes) times a factor as rows.
template <typename T>
void scaled(const float* from, int64_t lanes, float factor, int64_t rows, int64_t width, T* to,
            int64_t line) {
  for (int64_t r = 0; r < rows; ++r, from += lanes, to += line)
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t n = std::min<int64_t>(width - c, kLanes);
      store_some(to + c, load_some(from + c, n) * factor, n);
    }
}

// Columns of a panel (width, kPanel) as rows, each times its factor.
template <typename T>
void rows_of(const float* from, const float* factors, int64_t rows, int64_t width, T* to, int64_t line) {
  const int64_t words = width / kPer<T>, n = std::min<int64_t>(kLanes, words);
  for (int64_t q = 0; q < std::min<int64_t>(rows, kPanel); q += kLanes) {
    const Vec factor = load(factors + q);
    for (int64_t first = 0;;) {
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) {
        const float* at = from + (first + k) * kPer<T> * kPanel + q;
        if (k >= n)
          x[k] = Vec{};
        else if constexpr (std::is_same_v<T, float>)
          x[k] = load(at) * factor;
        else
          x[k] = (Vec)pairs_of(and_half(load(at) * factor), and_half(load(at + kPanel) * factor));
      }
      transpose(x);
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; ++r) {
        if (q + r >= rows) break;
        store_some(reinterpret_cast<Word*>(to + (q + r) * line) + first, x[r], n);
      }
      if (first + kLanes >= words) break;
      first = std::min(first + kLanes, words - kLanes);
    }
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
