// What becomes of a tile's sums: bias and residual are added, and they are rounded once or added to float.
#pragma once
#include "../vectors/streams.h"
#include "gradient_tiles.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {

// What is added to sums, and where they go.
struct Target {
  char* y;
  const bf16 *bias, *residual;
  bool floats, accumulate, turned;  // turned: y is (N, M), its rows M apart
  Goal goal;                        // of rows that are N apart
};

// The first n of a panel's numbers are added to its sums.
inline void add_to(Vec& low, Vec& high, const bf16* from, int64_t n) {
  low += widened(from, n);
  if (n > kLanes) high += widened(from + kLanes, n - kLanes);
}

// The first n columns of a tile's sums to y, whose rows are N apart; at is the first one's place.
inline void finish(const Target& t, const float* sums, int64_t rows, int64_t n, int64_t at, int64_t column,
                   int64_t N) {
  Vec low_bias{}, high_bias{};
  if (t.bias) add_to(low_bias, high_bias, t.bias + column, n);
  for (int64_t r = 0; r < rows; ++r, sums += kPanel, at += N) {
    Vec low = load(sums), high = n > kLanes ? load(sums + kLanes) : Vec{};
    if (t.bias) low += low_bias, high += high_bias;
    if (t.residual) add_to(low, high, t.residual + at, n);
    if (!t.floats) {
      const Narrow y = narrowed(low, high);
      if (n == kLanes)  // a store of a known size
        memcpy(t.y + 2 * at, &y, sizeof y / 2);
      else
        memcpy(t.y + 2 * at, &y, size_t(2 * n));
      continue;
    }
    float* y = reinterpret_cast<float*>(t.y) + at;
    const __mmask16 a = __mmask16(first(n)), b = __mmask16(first(n) >> kLanes);
    if (!t.accumulate) low += Vec{}, high += Vec{};  // -0 becomes 0, as in put_all()
    if (t.accumulate) {
      low += (Vec)_mm512_maskz_loadu_ps(a, y);
      high += (Vec)_mm512_maskz_loadu_ps(b, y + kLanes);
    }
    _mm512_mask_storeu_ps(y, a, (__m512)low);
    _mm512_mask_storeu_ps(y + kLanes, b, (__m512)high);
  }
}

// The same of a whole panel. In bf16:
template <bool Bias, bool Residual, bool PastCaches>
void finish_panel(const Target& t, const float* sums, int64_t rows, int64_t at, int64_t column, int64_t N) {
  Vec low_bias{}, high_bias{};
  if (Bias) add_to(low_bias, high_bias, t.bias + column, kPanel);
  for (int64_t r = 0; r < rows; ++r, sums += kPanel, at += N) {
    Vec low = load(sums), high = load(sums + kLanes);
    if (Bias) low += low_bias, high += high_bias;
    if (Residual) add_to(low, high, t.residual + at, kPanel);
    const Narrow y = narrowed(low, high);
    if (PastCaches)
      vectors::copy_past(t.y + 2 * at, &y, sizeof y);
    else
      memcpy(t.y + 2 * at, &y, sizeof y);
  }
}
template <bool PastCaches>
inline void finish_panel(const Target& t, const float* sums, int64_t rows, int64_t at, int64_t column,
                         int64_t N) {
  const auto finish =
      t.residual ? t.bias ? finish_panel<true, true, PastCaches> : finish_panel<false, true, PastCaches>
      : t.bias ? finish_panel<true, false, PastCaches>
                 : finish_panel<false, false, PastCaches>;
  finish(t, sums, rows, at, column, N);
}
inline void finish_panel(const Target& t, const float* sums, int64_t rows, int64_t at, int64_t column,
                         int64_t N) {
  if (t.floats)
    return put_all(t.goal, [&](auto put) {
      float* y = reinterpret_cast<float*>(t.y) + at;
      for (int64_t r = 0; r < rows; ++r, sums += kPanel, y += N)
        put(y, load(sums)), put(y + kLanes, load(sums + kLanes));
    });
  (t.goal == Goal::kPastCaches ? finish_panel<true> : finish_panel<false>)(t, sums, rows, at, column, N);
}

// The same for a tile whose columns are y's rows. In float:
inline void add_turned(const Target& t, const float* sums, int64_t rows, int64_t n, int64_t at, int64_t M) {
  for (int64_t c = 0; c < n; ++c, at += M) {
    float* y = reinterpret_cast<float*>(t.y) + at;
    for (int64_t r = 0; r < rows; ++r) y[r] = (t.accumulate ? y[r] : 0) + sums[r * kPanel + c];
  }
}

// `row` is the tile's first one, of which bias has numbers.
inline void finish_turned(const Target& t, const float* sums, int64_t rows, int64_t n, int64_t at,
                          int64_t row, int64_t M) {
  if (t.floats) return add_turned(t, sums, rows, n, at, M);
  alignas(64) float across[kPanel * kPanel];
  for (int64_t r = 0; r < rows; r += kLanes)
    for (int64_t c = 0; c < n; c += kLanes) {
      Vec x[kLanes];
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l) x[l] = load(sums + (r + l) * kPanel + c);
      attention_detail::transpose(x);
#pragma GCC unroll 16
      for (int64_t l = 0; l < kLanes; ++l) store(across + (c + l) * kPanel + r, x[l]);
    }
  (rows == kPanel ? finish_panel(t, across, n, at, row, M) : finish(t, across, n, rows, at, row, M));
}

// Asks for what finish() will read and write. In assembler: GCC finds that a function which only prefetches
// has no effect, and leaves out its calls.
inline void ask_for(const Target& t, int64_t rows, int64_t at, int64_t N) {
  if (t.turned) return;
  for (int64_t r = 0; r < rows; ++r, at += N) {
    if (t.residual) asm volatile("prefetcht0 %0" : : "m"(t.residual[at]));
    asm volatile("prefetchw %0" : : "m"(t.y[(t.floats ? 4 : 2) * at]));
  }
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
