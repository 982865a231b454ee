#include "eight_bits.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <string>

#include "../kernel.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace easel {
inline namespace EASEL_ISA {
namespace {

constexpr float kLeastScale = 1e-38f;  // where all of a block is 0
constexpr int kCodes = CHAIN_CODES;
static_assert(kCodes == 256);

#ifdef __AVX512F__

constexpr int kLanes = 16;

EASEL_FN __m512 sixteen(const float* x) { return _mm512_loadu_ps(x); }

// 32 kHalf numbers as a table in registers, looked up by the low bits of `at`: vpermt2ps takes five of them,
// each further one chooses between two of what that gave.
template <int kHalf>
EASEL_FN __m512 look_up(const float* table, __m512i at) {
  __m512 found[kHalf];
  for (int k = 0; k < kHalf; ++k)
    found[k] = _mm512_permutex2var_ps(sixteen(table + 32 * k), at, sixteen(table + 32 * k + 16));
  for (int left = kHalf / 2, bit = 32; left; left /= 2, bit *= 2) {
    const __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(bit));
    for (int k = 0; k < left; ++k) found[k] = _mm512_mask_blend_ps(upper, found[2 * k], found[2 * k + 1]);
  }
  return found[0];
}

// Gathering from the first-level cache took twice as long as looking up in registers (Zen 4).
EASEL_FN void read_run(float* __restrict__ y, const uint8_t* codes, float scale, const float* map,
                       int64_t n) {
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    const __m512i at =
        _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + k)));
    _mm512_storeu_ps(y + k, _mm512_mul_ps(look_up<8>(map, at), _mm512_set1_ps(scale)));
  }
  for (; k < n; ++k) y[k] = map[codes[k]] * scale;
}

#else

EASEL_FN void read_run(float* y, const uint8_t* codes, float scale, const float* map, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = map[codes[k]] * scale;
}

#endif

}  // namespace

#ifdef __AVX512F__

// A search through a binary heap of midpoints, whose root has number 1 and node h the children 2h and 2h + 1.
// Each step waits for the one before it, so several vectors go down together: eight took half as long as one
// after the other.
struct EightBits::Nearest {
  static constexpr int kTogether = 8, kSpan = kTogether * kLanes;
  Midpoints middle;
  float heap[kCodes] = {};

  explicit Nearest(const float* map) : middle(map) {
    for (int level = 0, h = 1; level < 8; ++level)
      for (int k = 0; k < 1 << level; ++k) heap[h++] = middle.at[((2 * k + 1) << (7 - level)) - 1];
  }
  void codes_of(uint8_t* codes, const float* lanes, float factor, int64_t n) const {
    int64_t k = 0;
    for (; k + kSpan <= n; k += kSpan) descend(codes + k, lanes + k, _mm512_set1_ps(factor));
    for (; k < n; ++k) codes[k] = uint8_t(middle.count(lanes[k] * factor));
  }

 private:
  EASEL_FN void descend(uint8_t* codes, const float* lanes, __m512 factor) const {
    const __m512i one = _mm512_set1_epi32(1);
    __m512 v[kTogether];
    __m512i h[kTogether];
    for (int j = 0; j < kTogether; ++j) {
      v[j] = _mm512_mul_ps(_mm512_loadu_ps(lanes + j * kLanes), factor);
      h[j] = one;
    }
    const auto level = [&](auto midpoint) __attribute__((always_inline)) {
      for (int j = 0; j < kTogether; ++j) {
        const __mmask16 above = _mm512_cmp_ps_mask(midpoint(h[j]), v[j], _CMP_LT_OQ);
        h[j] = _mm512_add_epi32(h[j], h[j]);
        h[j] = _mm512_mask_add_epi32(h[j], above, h[j], one);
      }
    };
    const auto first = [&](__m512i h) { return _mm512_maskz_permutexvar_ps(0xffff, h, sixteen(heap)); };
    for (int depth = 0; depth < 4; ++depth) level(first);
    level([&](__m512i h) { return _mm512_maskz_permutexvar_ps(0xffff, h, sixteen(heap + 16)); });
    level([&](__m512i h) { return look_up<1>(heap + 32, h); });
    level([&](__m512i h) { return look_up<2>(heap + 64, h); });
    level([&](__m512i h) { return look_up<4>(heap + 128, h); });
    for (int j = 0; j < kTogether; ++j)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + j * kLanes),
                       _mm512_maskz_cvtepi32_epi8(0xffff, h[j]));
  }
};

#else

struct EightBits::Nearest {
  Midpoints middle;
  CodeRanges ranges;
  explicit Nearest(const float* map) : middle(map), ranges(middle) {}
  void codes_of(uint8_t* codes, const float* lanes, float factor, int64_t n) const {
    ranges.find(codes, lanes, factor, n);
  }
};

#endif

std::shared_ptr<const EightBits> EightBits::of(const float* map) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::string, std::weak_ptr<const EightBits>>();
  const std::lock_guard<std::mutex> lock(mutex);
  const std::string key(reinterpret_cast<const char*>(map), kCodes * sizeof(float));
  std::shared_ptr<const EightBits> found = known[key].lock();
  if (!found) known[key] = found = std::make_shared<EightBits>(map);
  return found;
}

EightBits::EightBits(const float* map)
    : bytes_(ByteTables::of(map)), nearest_(std::make_shared<Nearest>(map)) {
  std::copy_n(map, kCodes, map_.begin());
  if (bytes_ && CodeRanges::serve()) ranges_ = std::make_shared<CodeRanges>(nearest_->middle);
}

void EightBits::read(float* y, const uint8_t* codes, float scale, int64_t n) const {
  const int64_t whole = bytes_ ? n / ByteTables::kSpan * ByteTables::kSpan : 0;
  if (whole) bytes_->read(y, codes, scale, whole);
  read_run(y + whole, codes + whole, scale, map_.data(), n - whole);
}

// Sixteen rows at a time.
float EightBits::largest(const float* x, int64_t n) {
  constexpr int kRows = 16;
  float most[kRows] = {};
  int64_t k = 0;
#ifdef __AVX512F__
  // a maximum waits for the one before it in its register: four take turns
  __m512 four[4] = {};
  for (; k + 4 * kRows <= n; k += 4 * kRows)
    for (int r = 0; r < 4; ++r)
      four[r] = _mm512_maskz_max_ps(0xffff, _mm512_abs_ps(_mm512_loadu_ps(x + k + r * kRows)), four[r]);
  _mm512_storeu_ps(most, _mm512_maskz_max_ps(0xffff, _mm512_maskz_max_ps(0xffff, four[0], four[1]),
                                             _mm512_maskz_max_ps(0xffff, four[2], four[3])));
#endif
  for (; k + kRows <= n; k += kRows) {
#pragma omp simd
    for (int row = 0; row < kRows; ++row) most[row] = std::max(most[row], std::fabs(x[k + row]));
  }
  for (; k < n; ++k) most[0] = std::max(most[0], std::fabs(x[k]));
  return *std::max_element(most, most + kRows);
}

void EightBits::write(uint8_t* codes, float most, const float* lanes, float one, int64_t n) const {
  const float factor = 1.0f / std::max(most, kLeastScale);
  if (!lanes) return void(std::fill_n(codes, n, uint8_t(nearest_->middle.count(one * factor))));
  if (ranges_) return ranges_->find(codes, lanes, factor, n);
  const int64_t whole = bytes_ ? n / ByteTables::kSpan * ByteTables::kSpan : 0;
  if (whole) bytes_->find(codes, lanes, factor, whole);
  nearest_->codes_of(codes + whole, lanes + whole, factor, n - whole);
}

}  // namespace EASEL_ISA
}  // namespace easel
