// Products of small matrices for attention, as wide as the registers: an operand that is spread over all
// lanes times one whose rows are lanes. Both are read by words of 32 bits, one float or two bf16 that are
// neighbours along the sum, so that one loop serves both. Widths need no multiple of the lanes: 40 channels
// take two and a half vectors.
#pragma once
#include "attention_vectors.h"

namespace easel {
inline namespace EASEL_ISA {
namespace attention_detail {

typedef float Word __attribute__((may_alias));

// Numbers of a word.
template <typename T>
constexpr int kPer = int(sizeof(Word) / sizeof(T));

template <typename T>
inline const Word* words_of(const T* x) {
  return reinterpret_cast<const Word*>(x);
}

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Whether the processor multiplies bf16; where it does not, operands are widened.
inline bool multiplies_bf16() {
#if defined(__AVX512F__)
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
#else
  return false;
#endif
}

template <typename T, typename V>
inline V multiply_add(V sum, V a, V b) {
  if constexpr (std::is_same_v<T, float>) return sum + a * b;
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(b), "v"(a));
  return sum;
}

// An operand: row r begins at data + r * line. Of the spread one rows are the product's rows, of the other
// they are words.
struct Rows {
  const Word* data;
  int64_t line;
};

// c (R, lanes) = (or +=) a (R, words) b (words, lanes) for C vectors of lanes, and a half one.
template <typename T, bool Add, int R, int C, int H>
void tile(Rows a, Rows b, int64_t words, float* c, int64_t line) {
  Vec sum[R][C + !C];
  HalfVec half[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < C; ++v) sum[r][v] = Add ? load(c + r * line + v * kLanes) : Vec{};
    if (H) half[r] = Add ? load<HalfVec>(c + r * line + C * kLanes) : HalfVec{};
  }
  const Word *spreads = a.data, *lanes = b.data;
  for (const Word* end = spreads + words; spreads < end; ++spreads, lanes += b.line) {
    Vec x[C + !C];
    HalfVec y{};
    for (int v = 0; v < C; ++v) x[v] = load(lanes + v * kLanes);
    if (H) y = load<HalfVec>(lanes + C * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float word = spreads[r * a.line];
      const Vec all = spread(word);
      for (int v = 0; v < C; ++v) sum[r][v] = multiply_add<T>(sum[r][v], all, x[v]);
      if (H) half[r] = multiply_add<T>(half[r], C ? first_lanes(all, EachUnit()) : spread<HalfVec>(word), y);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < C; ++v) store(c + r * line + v * kLanes, sum[r][v]);
    if (H) store(c + r * line + C * kLanes, half[r]);
  }
}

// Tiles of so many lanes, by their rows: as many as the registers hold.
using Tile = void (*)(Rows, Rows, int64_t, float*, int64_t);
struct Panel {
  int lanes, most;
  const Tile* tiles;
};
template <typename T, bool Add, int C, int H, int... R>
inline Panel panel(std::integer_sequence<int, R...>) {
  static constexpr Tile tiles[] = {tile<T, Add, R + 1, C, H>...};
  return {C * kLanes + H * kUnit, int(sizeof...(R)), tiles};
}
template <typename T, bool Add, int C, int H>
inline Panel panel() {
  constexpr int kMost = (kRegisters == 32 ? 24 : 12) / (C + H > 2 ? 3 : 2);
  return panel<T, Add, C, H>(std::make_integer_sequence<int, kMost>());
}
template <typename T, bool Add>
inline Panel next_panel(int64_t lanes) {
  if constexpr (kWide) {
    if (lanes == kPanel + kUnit) return panel<T, Add, 2, 1>();
    if (lanes < kLanes) return panel<T, Add, 0, 1>();
  }
  return lanes >= kPanel ? panel<T, Add, 2, 0>() : panel<T, Add, 1, 0>();
}

// c (rows, lanes) = (or +=) a (rows, words) b (words, lanes); lanes are a multiple of kUnit.
template <typename T, bool Add>
void product(int64_t rows, int64_t words, int64_t lanes, Rows a, Rows b, float* c, int64_t line) {
  for (int64_t lane = 0; lane < lanes;) {
    const Panel p = next_panel<T, Add>(lanes - lane);
    const int64_t blocks = (rows + p.most - 1) / p.most, least = rows / blocks, more = rows % blocks;
    int64_t from = 0;
    for (int64_t k = 0; k < blocks; ++k) {
      const int64_t n = least + (k < more);
      p.tiles[n - 1]({a.data + from * a.line, a.line}, {b.data + lane, b.line}, words, c + from * line + lane,
                     line);
      from += n;
    }
    lane += p.lanes;
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
