// Blocks of direct convolutions' weights, kPanel outputs by kPanel inputs at one tap: kLanes rows, each of a
// pair of inputs for every output.
#pragma once
#include "../../packing/pair_blocks.h"
#include "../../vectors/attention_vectors.h"
#include "../../vectors/nine_taps.h"

#if defined(__AVX512BW__)
#include <immintrin.h>

namespace easel {
inline namespace EASEL_ISA {
namespace direct_detail {

constexpr int kLanes = vectors::kLanes;
constexpr int kPanel = 2 * kLanes;
constexpr int64_t kBlock = kPanel * kPanel;  // numbers
constexpr int64_t kTaps = 25;                // of a kernel, at most

// Inputs and outputs exchanged, as an input gradient reads them.
inline void turn_block(bf16* to, const bf16* from) {
  for (int64_t o = 0; o < kPanel; o += 16)
    for (int64_t c = 0; c < kPanel; c += 16) {
      PairRows rows;
      for (int64_t j = 0; j < 8; ++j)
        memcpy(&rows[j], from + (c / 2 + j) * 2 * kPanel + 2 * o, sizeof rows[j]);
      turn_pairs(rows);
      for (int64_t j = 0; j < 8; ++j) memcpy(to + (o / 2 + j) * 2 * kPanel + 2 * c, &rows[j], sizeof rows[j]);
    }
}

// Of kPanel inputs with 9 taps each, which lie one behind the other in a file: 9 vectors of pairs of inputs
// at one tap, taken from the 64 numbers from `from` on.
struct NineTaps {
  alignas(64) uint16_t at[9][32];
  int64_t from[9];
  constexpr NineTaps() : at(), from() {
    for (int v = 0; v < 9; ++v) {
      from[v] = std::min(16 * v / 9 * 18, 9 * kPanel - 64);
      for (int k = 0; k < 32; ++k) {
        const int word = 16 * v + k / 2;
        at[v][k] = uint16_t(word / 9 * 18 + word % 9 + k % 2 * 9 - from[v]);
      }
    }
  }
};

// 32 numbers; floats are rounded.
inline __m512i numbers_at(const bf16* from) { return _mm512_loadu_si512(from); }
inline __m512i numbers_at(const float* from) {
  return (__m512i)attention_detail::narrowed(vectors::load(from), vectors::load(from + kLanes));
}

// The blocks of all taps, `apart` numbers from each other, from a file's layout: outputs are `line` apart.
// The memory of the next block, which begins `ahead` numbers further, is asked for. noipa: where it is not
// inlined GCC 12 takes it for a function that writes nothing, and leaves it out.
template <typename T>
[[gnu::noipa]] void pack_nine(bf16* to, int64_t apart, const T* from, int64_t line, int64_t ahead) {
  static constexpr NineTaps nine;
  constexpr int64_t kCacheLine = 64 / sizeof(T);
  for (int half = 0; half < 2; ++half, from += kLanes * line, to += kPanel) {
    for (int v = 0; v < 9; ++v) {
      const __m512i at = _mm512_load_si512(nine.at[v]);
      vectors::Vec x[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        const T* row = from + l * line + nine.from[v];
        const T* const next = from + l * line + ahead + v * kPanel;
        for (int64_t k = 0; k < kPanel; k += kCacheLine) __builtin_prefetch(next + k);
        x[l] = (vectors::Vec)_mm512_permutex2var_epi16(numbers_at(row), at, numbers_at(row + 32));
      }
      attention_detail::transpose(x);
#pragma GCC unroll 16
      for (int k = 0; k < kLanes; ++k) {
        const int word = 16 * v + k;
        memcpy(to + word % 9 * apart + word / 9 * 2 * kPanel, &x[k], sizeof x[k]);
      }
    }
  }
}

// A word of each of 16 numbers of two rows.
inline vectors::Vec pairs_at(const float* even, const float* odd) {
  using Each = std::make_integer_sequence<int, kPanel>;
  const auto both = attention_detail::narrowed(vectors::load(even), vectors::load(odd));
  return (vectors::Vec)attention_detail::halves_paired(both, Each());
}

// What pack_nine() and turn_block() make together, of float32; block k is of tap[k], of all nine. Bound by
// memory, which is asked for a few lines at a time, as bursts of them wait for one another: pairs of rows
// come one after the other, those of the next block behind them.
inline void turn_nine(bf16* to, const int64_t* tap, const float* from, int64_t line) {
  constexpr int64_t kAhead = 4;  // rows
  bf16* block[9];
  for (int64_t k = 0; k < 9; ++k) block[tap[k]] = to + k * kBlock;
  for (int64_t o = 0; o < kPanel; o += 2, from += 2 * line)
    for (int64_t c = 0; c < kPanel; c += kLanes) {
      const float* const row = from + c * 9;
      vectors::Vec lie[9], taps[9];
#pragma GCC unroll 9
      for (int64_t v = 0; v < 9; ++v) {
        const float* const x = row + v * kLanes;
        __builtin_prefetch(x + kAhead * line, 0, 2);
        __builtin_prefetch(x + (kAhead + 1) * line, 0, 2);
        lie[v] = pairs_at(x, x + line);
      }
      nine_taps::take(lie, taps);
#pragma GCC unroll 9
      for (int k = 0; k < 9; ++k) memcpy(block[k] + o * kPanel + 2 * c, &taps[k], sizeof taps[k]);
    }
}

template <typename T>
void pack_blocks(bf16* to, int64_t apart, const T* from, int64_t line, int64_t taps, int64_t ahead) {
  if (taps == 9) return pack_nine(to, apart, from, line, ahead);
  for (int64_t o = 0; o < kPanel; ++o, from += line)
    for (int64_t c = 0; c < kPanel; ++c)
      for (int64_t tap = 0; tap < taps; ++tap)
        to[tap * apart + (c / 2 * kPanel + o) * 2 + c % 2] = from_float<bf16>(to_float(from[c * taps + tap]));
}

}  // namespace direct_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
