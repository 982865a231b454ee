// Bound by gathering.
#include "code_ranges.h"

#include "../kernel.h"
#include "../vectors/intel.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace easel {
inline namespace EASEL_ISA {

CodeRanges::CodeRanges(const Midpoints& middle) : entries_(1 << 16) {
  for (uint32_t range = 0; range < entries_.size(); ++range) {
    const bool minus = range >> 15;
    const int32_t code = middle.count(bits_float(range << 16 | (minus ? 0xffffu : 0)));
    const uint32_t next = float_bits(middle.at[code]);
    const uint32_t rest = next >> 16 != range ? 0xffffu : (minus ? ~next : next) & 0xffffu;
    entries_[range] = uint32_t(code) << 16 | (0xffffu - rest);
  }
}

bool CodeRanges::serve() {
#ifdef __AVX512F__
  return on_intel() && __builtin_cpu_supports("avx512fp16");
#else
  return false;
#endif
}

void CodeRanges::find(uint8_t* codes, const float* lanes, float factor, int64_t n) const {
  const uint32_t* entries = entries_.data();
  int64_t k = 0;
#ifdef __AVX512F__
  constexpr __mmask16 all = 0xffff;
  constexpr int kUnlikeInThird = (0xf0 ^ 0xcc) & 0xaa;
  for (; k + 16 <= n; k += 16) {
    const __m512i bits =
        _mm512_castps_si512(_mm512_mul_ps(_mm512_loadu_ps(lanes + k), _mm512_set1_ps(factor)));
    const __m512i range = _mm512_maskz_srli_epi32(all, bits, 16);
    const __m512i rest = _mm512_ternarylogic_epi32(bits, _mm512_maskz_srai_epi32(all, bits, 31),
                                                   _mm512_set1_epi32(0xffff), kUnlikeInThird);
    const __m512i found = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), all, range, entries, 4);
    const __m512i code = _mm512_maskz_srli_epi32(all, _mm512_add_epi32(found, rest), 16);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + k), _mm512_maskz_cvtepi32_epi8(all, code));
  }
#endif
#pragma omp simd
  for (int64_t j = k; j < n; ++j) {
    const uint32_t bits = float_bits(lanes[j] * factor), mirror = uint32_t(int32_t(bits) >> 31);
    codes[j] = uint8_t((entries[int32_t(bits >> 16)] + ((bits ^ mirror) & 0xffffu)) >> 16);
  }
}

}  // namespace EASEL_ISA
}  // namespace easel
