// From the first-level cache to the first-level cache: bound by how few elements a run has.
#include "repeats.h"

#include <algorithm>

#include "../kernel.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace easel {
inline namespace EASEL_ISA {
namespace {

constexpr int64_t kShort = 64;  // lanes of a period whose places are in a table
constexpr int64_t kMost = 256;  // lanes at a time

// As many lanes as a register has: their elements lie close together, and one permutation puts each in its
// place.
#if defined(__AVX512F__)
constexpr int64_t kLanes = 16;
EASEL_FN void permuted(float* y, const float* x, const int32_t* places, int32_t first) {
  const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(places), _mm512_set1_epi32(first));
  _mm512_storeu_ps(y, _mm512_maskz_permutexvar_ps(0xffff, at, _mm512_loadu_ps(x + first)));
}
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
EASEL_FN void permuted(float* y, const float* x, const int32_t* places, int32_t first) {
  const __m256i at = _mm256_sub_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(places)),
                                      _mm256_set1_epi32(first));
  _mm256_storeu_ps(y, _mm256_permutevar8x32_ps(_mm256_loadu_ps(x + first), at));
}
#else
constexpr int64_t kLanes = 4;
EASEL_FN void permuted(float* y, const float* x, const int32_t* places, int32_t) {
  for (int64_t k = 0; k < kLanes; ++k) y[k] = x[places[k]];
}
#endif

}  // namespace

Repeats::Repeats(const float* x, int64_t count, int64_t times, int64_t behind)
    : x_(x), count_(count), behind_(behind), period_(times * behind) {
  if (period_ > kShort) return;
  for (int64_t k = 0; k < kMost + period_; ++k) {
    rows_.push_back(int32_t(k / period_ * behind));
    places_.push_back(rows_.back() + int32_t(k % behind));
  }
  for (size_t k = 0; k + kLanes <= rows_.size(); ++k)
    close_ = close_ && rows_[k + kLanes - 1] + behind - rows_[k] <= kLanes;
}

const float* Repeats::in_place(int64_t from, int64_t n) const {
  if (n > behind_) return nullptr;  // without its divisions
  const int64_t column = from % period_ % behind_;
  return column + n <= behind_ ? x_ + from / period_ * behind_ + column : nullptr;
}

void Repeats::read(float* y, int64_t from, int64_t n) const {
  if (places_.empty() || n > kMost) return read_runs(y, from, n);
  const float* x = x_ + from / period_ * behind_;
  const int32_t *places = places_.data() + from % period_, *rows = rows_.data() + from % period_;
  const int64_t left = count_ - (x - x_);
  int64_t whole = close_ ? n / kLanes * kLanes : 0;
  while (whole && rows[whole - kLanes] + kLanes > left) whole -= kLanes;
  for (int64_t k = 0; k < whole; k += kLanes) permuted(y + k, x, places + k, rows[k]);
  for (int64_t k = whole; k < n; ++k) y[k] = x[places[k]];
}

void Repeats::read_runs(float* y, int64_t from, int64_t n) const {
  while (n > 0) {
    const int64_t place = from % period_, column = place % behind_;
    const float* x = x_ + from / period_ * behind_ + column;
    const int64_t run = std::min(n, behind_ == 1 ? period_ - place : behind_ - column);
    if (behind_ == 1)
      std::fill_n(y, run, *x);
    else
      std::copy_n(x, run, y);
    y += run, from += run, n -= run;
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
