// Bound by looking up bytes. Of a magnitude the first 16 bits name a bin, the bin how many limits are below
// and which one may lie in it, and one comparison of all bits is what is left.
#include "byte_tables.h"

#include <cstdlib>
#include <cstring>

#include "../kernel.h"

#ifdef __AVX512BW__
#include <immintrin.h>
#define EASEL_VBMI __attribute__((target("avx512vbmi")))
#endif

namespace easel {
inline namespace EASEL_ISA {

#ifdef __AVX512BW__

namespace {

void split(uint8_t (*planes)[256], int k, uint32_t bits) {
  for (int byte = 0; byte < 4; ++byte) planes[byte][k] = uint8_t(bits >> (8 * byte));
}

// As bits, magnitudes ascend as their floats do.
uint32_t magnitude(float x) { return float_bits(x) & 0x7fffffffu; }

EASEL_VBMI inline __m512i vector(const void* p) { return _mm512_loadu_si512(p); }

// Bytes of a table of 128, or of 256, at the places `at`.
EASEL_VBMI inline __m512i of_128(const uint8_t* table, __m512i at) {
  return _mm512_permutex2var_epi8(vector(table), at, vector(table + 64));
}
EASEL_VBMI inline __m512i of_256(const uint8_t* table, __m512i at) {
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(at), of_128(table, at), of_128(table + 128, at));
}

// Places for permutations.
struct Places {
  alignas(64) uint8_t order[64]{};       // where bytes must lie so that together() has them in their order
  alignas(64) uint8_t even_bytes[64]{};  // of 32 numbers of 16 bits and 32 more, the lower halves
  alignas(64) uint16_t odd_words[32]{};  // of 16 numbers of 32 bits and 16 more, the upper halves
  constexpr Places() {
    for (int k = 0; k < 64; ++k) order[k] = uint8_t(16 * (k / 4 % 4) + 4 * (k / 16) + k % 4);
    for (int k = 0; k < 64; ++k) even_bytes[k] = uint8_t(2 * k);
    for (int k = 0; k < 32; ++k) odd_words[k] = uint16_t(2 * k + 1);
  }
};
constexpr Places kPlaces;

// Four bytes a lane, which lie in kPlaces.order, as 32 bits: y[q] has lanes 16 q to 16 q + 15.
EASEL_VBMI inline void together(__m512i* y, const __m512i* b) {
  const __m512i low = _mm512_unpacklo_epi8(b[0], b[1]), high = _mm512_unpackhi_epi8(b[0], b[1]);
  const __m512i upper_low = _mm512_unpacklo_epi8(b[2], b[3]), upper_high = _mm512_unpackhi_epi8(b[2], b[3]);
  y[0] = _mm512_unpacklo_epi16(low, upper_low), y[1] = _mm512_unpackhi_epi16(low, upper_low);
  y[2] = _mm512_unpacklo_epi16(high, upper_high), y[3] = _mm512_unpackhi_epi16(high, upper_high);
}

EASEL_VBMI inline __mmask64 joined(__mmask32 low, __mmask32 high) { return _mm512_kunpackd(high, low); }

}  // namespace

std::shared_ptr<const ByteTables> ByteTables::of(const float* map) {
  const char* wanted = getenv("EASEL_CHAINS");  // for tests: step by step, as other processors do it
  if (!__builtin_cpu_supports("avx512vbmi") || (wanted && !strcmp(wanted, "steps"))) return nullptr;
  const auto tables = std::make_shared<ByteTables>();
  if (!tables->fill(map)) return nullptr;
  return tables;
}

// Whether the map is 0 and what is above, or that and the same below 0 without the largest.
bool ByteTables::fill(const float* map) {
  zero_ = map[0] == 0.0f ? 0 : 127, count_ = 255 - zero_;
  if (map[zero_] != 0.0f) return false;
  for (int k = 1; k <= zero_; ++k)
    if (map[zero_ - k] != -map[zero_ + k]) return false;
  float limits[256];
  for (int k = 0; k < count_; ++k) {
    limits[k] = (map[zero_ + k] + map[zero_ + k + 1]) / 2;
    if (!(limits[k] > (k ? limits[k - 1] : 0.0f) && limits[k] < 1.0f)) return false;
  }
  for (int k = 0; k < 256; ++k) {
    split(numbers_, k, float_bits(map[k]));
    split(limits_, k, k < count_ ? (zero_ ? 2 : 1) * magnitude(limits[k]) : 0);
  }
  least_ = int(magnitude(limits[0]) >> 23);
  if (127 - least_ >= kPowers) return false;
  int bins = 0;
  for (int power = least_; power <= 127; ++power)
    if (!fill_power(limits, power, bins)) return false;
  return zero_ == 0 || bins <= 256;
}

// As few bins as part the limits between 2^(power - 127) and twice that.
bool ByteTables::fill_power(const float* limits, int power, int& bins) {
  for (int shift = 7; shift >= 0; --shift) {
    const int count = 1 << (7 - shift);
    if (bins + count > kBins) return false;
    int next = 0;
    bool apart = true;
    for (int bin = 0; bin < count; ++bin) {
      const uint32_t first = (uint32_t(power) << 7 | uint32_t(bin << shift)) << 16;
      const uint32_t last = first + (1u << (16 + shift)) - 1;
      while (next < count_ && magnitude(limits[next]) < first) ++next;
      below_[bins + bin] = uint8_t(std::min(next, count_ - 1));
      apart = apart && (next + 1 >= count_ || magnitude(limits[next + 1]) > last);
    }
    if (!apart) continue;
    shift_[power % kPowers] = uint16_t(shift);
    base_[power % kPowers] = uint16_t(bins - (power << 7 >> shift));
    bins += count;
    return true;
  }
  return false;
}

EASEL_VBMI void ByteTables::read(float* y, const uint8_t* codes, float scale, int64_t n) const {
  const __m512i order = vector(kPlaces.order);
  const __m512 factor = _mm512_set1_ps(scale);
  for (int64_t k = 0; k < n; k += kSpan) {
    const __m512i at = _mm512_maskz_permutexvar_epi8(~0ull, order, vector(codes + k));
    __m512i bytes[4], bits[4];
    for (int b = 0; b < 4; ++b) bytes[b] = of_256(numbers_[b], at);
    together(bits, bytes);
    for (int q = 0; q < 4; ++q)
      _mm512_storeu_ps(y + k + 16 * q, _mm512_mul_ps(_mm512_castsi512_ps(bits[q]), factor));
  }
}

// A number below 0 has the code of its magnitude mirrored at that of 0. Halfway between two the lower one is
// nearest, which is the larger magnitude there: the sign as the last bit of what is compared makes it so.
// Each lane's look-ups wait for one another: four spans go side by side from stage to stage, or the processor
// waits too (of a span 48 cycles where one after the other takes 54, Zen 4).
template <bool kSigns, int kSpans>
EASEL_VBMI __attribute__((always_inline)) inline void ByteTables::search(uint8_t* codes, const float* lanes,
                                                                         float factor) const {
  const __m512 factors = _mm512_set1_ps(factor);
  const __m512i order = vector(kPlaces.order), shifts = vector(shift_), bases = vector(base_),
                least = _mm512_set1_epi16(int16_t(least_ << 7)), one = _mm512_set1_epi8(1),
                zero = _mm512_set1_epi8(int8_t(zero_));
  const auto bits = [&](int span, int q) __attribute__((always_inline)) {
    return _mm512_castps_si512(_mm512_mul_ps(_mm512_loadu_ps(lanes + span * kSpan + 16 * q), factors));
  };
  __m512i bin[kSpans], below[kSpans];
  __mmask64 minus[kSpans], far[kSpans], more[kSpans];
#pragma GCC unroll 4
  for (int span = 0; span < kSpans; ++span) {
    __m512i bins[2];
    __mmask32 negative[2], beyond[2];
    for (int half = 0; half < 2; ++half) {
      const __m512i words = _mm512_permutex2var_epi16(bits(span, 2 * half), vector(kPlaces.odd_words),
                                                      bits(span, 2 * half + 1));
      negative[half] = _mm512_movepi16_mask(words);
      const __m512i magnitude = kSigns ? _mm512_and_si512(words, _mm512_set1_epi16(0x7fff)) : words;
      const __m512i first = _mm512_max_epu16(magnitude, least), power = _mm512_srli_epi16(first, 7);
      const __m512i shift = _mm512_permutexvar_epi16(power, shifts);
      bins[half] = _mm512_add_epi16(_mm512_srlv_epi16(first, shift), _mm512_permutexvar_epi16(power, bases));
      beyond[half] = kSigns ? 0 : _mm512_test_epi16_mask(bins[half], _mm512_set1_epi16(256));
    }
    bin[span] = _mm512_permutex2var_epi8(bins[0], vector(kPlaces.even_bytes), bins[1]);
    minus[span] = joined(negative[0], negative[1]), far[span] = joined(beyond[0], beyond[1]);
  }
#pragma GCC unroll 4
  for (int span = 0; span < kSpans; ++span) {
    below[span] = of_256(below_, bin[span]);
    if (!kSigns)
      below[span] = _mm512_mask_blend_epi8(far[span], below[span], of_256(below_ + 256, bin[span]));
  }
#pragma GCC unroll 4
  for (int span = 0; span < kSpans; ++span) {
    const __m512i at = _mm512_maskz_permutexvar_epi8(~0ull, order, below[span]);
    __m512i bytes[4], limits[4];
    __mmask16 above[4];
    for (int b = 0; b < 4; ++b) bytes[b] = kSigns ? of_128(limits_[b], at) : of_256(limits_[b], at);
    together(limits, bytes);
    for (int q = 0; q < 4; ++q) {
      const __m512i x = bits(span, q);
      above[q] = _mm512_cmplt_epu32_mask(limits[q], kSigns ? _mm512_maskz_rol_epi32(0xffff, x, 1) : x);
    }
    more[span] = joined(_mm512_kunpackw(above[1], above[0]), _mm512_kunpackw(above[3], above[2]));
  }
#pragma GCC unroll 4
  for (int span = 0; span < kSpans; ++span) {
    const __m512i magnitude = _mm512_mask_add_epi8(below[span], more[span], below[span], one);
    const __m512i code = _mm512_mask_sub_epi8(_mm512_add_epi8(magnitude, zero), minus[span], zero,
                                              _mm512_min_epu8(magnitude, zero));
    _mm512_storeu_si512(codes + span * kSpan, code);
  }
}

template <bool kSigns>
EASEL_VBMI void ByteTables::find_all(uint8_t* codes, const float* lanes, float factor, int64_t n) const {
  constexpr int kSide = 4;
  int64_t k = 0;
  for (; k + kSide * kSpan <= n; k += kSide * kSpan) search<kSigns, kSide>(codes + k, lanes + k, factor);
  for (; k < n; k += kSpan) search<kSigns, 1>(codes + k, lanes + k, factor);
}

void ByteTables::find(uint8_t* codes, const float* lanes, float factor, int64_t n) const {
  if (zero_)
    find_all<true>(codes, lanes, factor, n);
  else
    find_all<false>(codes, lanes, factor, n);
}

#else

std::shared_ptr<const ByteTables> ByteTables::of(const float*) { return nullptr; }
void ByteTables::read(float*, const uint8_t*, float, int64_t) const {}
void ByteTables::find(uint8_t*, const float*, float, int64_t) const {}

#endif

}  // namespace EASEL_ISA
}  // namespace easel
