// Products of small matrices for attention, as wide as the registers: an operand that is spread over all
// lanes times one whose rows are lanes. Both are read by words of 32 bits, one float or two bf16 that are
// neighbours along the sum, so that one loop serves both. Widths need no multiple of the lanes: 40 channels
// take two and a half vectors. The spread operand is packed as tiles read it, the words of a tile's rows side
// by side: a pointer for each row would not fit the registers.
#pragma once
#include <limits>

#include "attention_vectors.h"
#include "ratios.h"

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

// The operand of lanes: row r begins at data + r * line.
struct Rows {
  const Word* data;
  int64_t line;
};

// sum += a (R, words) b (words, kPanel), in registers; both move past these words, of which there is one.
template <typename T, int R>
[[gnu::always_inline]] inline void add_panel(const Word*& a, Rows& b, int64_t words, Vec (&sum)[R][2]) {
  const Word* end = a + words * R;
  do {
    const Vec x0 = load(b.data), x1 = load(b.data + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec all = spread(a[r]);
      sum[r][0] = multiply_add<T>(sum[r][0], all, x0);
      sum[r][1] = multiply_add<T>(sum[r][1], all, x1);
    }
    a += R;
    b.data += b.line;
  } while (a < end);
}

// What a panel sees of the keys from one on: so many there are; causal: key j is seen by query q where j <=
// q, and `first` is the first key less the panel's first query.
struct Seen {
  int64_t keys, first;
  bool causal;
};

// Scores that are not seen become -infinity; key is the first of these.
template <int R>
[[gnu::always_inline]] inline void hide(Vec (&x)[R][2], const Seen& s, int64_t key) {
  const bool causal = s.causal && s.first + key + R > 1;
  if (!causal && key + R <= s.keys) return;
  const IntVec lanes = lane_numbers(EachLane());
  const Vec least = spread(-std::numeric_limits<float>::infinity());
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) {
      const int from = key + r >= s.keys ? kPanel : causal ? int(s.first + key + r) - v * kLanes : 0;
      x[r][v] = lanes >= from ? x[r][v] : least;
    }
}

// A spread operand packed by blocks of rows that differ by one at most, each (words, rows of the block).
struct Blocks {
  int64_t rows, count;
  Blocks(int64_t rows, int64_t most) : rows(rows), count(ratio_up(rows, most)) {}
  int64_t begin(int64_t block) const { return block * (rows / count) + std::min(block, rows % count); }
};

// c (rows, kPanel) += a (rows, words [first, first + words) of total) b (words, kPanel).
constexpr int kMost = kRegisters == 32 ? 12 : 6;
template <typename T, int R>
void tile_packed(const Word* a, Rows b, int64_t words, float* c) {
  Vec sum[R][2];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) sum[r][v] = load(c + r * kPanel + v * kLanes);
  add_panel<T>(a, b, words, sum);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) store(c + r * kPanel + v * kLanes, sum[r][v]);
}
using PackedTile = void (*)(const Word*, Rows, int64_t, float*);
template <typename T, int... R>
PackedTile packed_tile(int64_t rows, std::integer_sequence<int, R...>) {
  static constexpr PackedTile tiles[] = {tile_packed<T, R + 1>...};
  return tiles[rows - 1];
}
template <typename T>
void add_product(const Blocks& blocks, const Word* a, int64_t total, int64_t first, int64_t words, Rows b,
                 float* c) {
  for (int64_t k = 0; k < blocks.count; ++k) {
    const int64_t from = blocks.begin(k), rows = blocks.begin(k + 1) - from;
    packed_tile<T>(rows, std::make_integer_sequence<int, kMost>())(a + from * total + first * rows, b, words,
                                                                   c + from * kPanel);
  }
}

// c (R, lanes) += a (R, words) b (words, lanes) for C vectors of lanes, and a half one; words of a's rows lie
// side by side, the rows Line apart.
template <typename T, int Line, int R, int C, int H>
void tile(const Word* a, Rows b, int64_t words, float* c, int64_t line) {
  Vec sum[R][C + !C];
  HalfVec half[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < C; ++v) sum[r][v] = load(c + r * line + v * kLanes);
    if (H) half[r] = load<HalfVec>(c + r * line + C * kLanes);
  }
  const Word* end = a + words;
  do {
    Vec x[C + !C];
    HalfVec y{};
    for (int v = 0; v < C; ++v) x[v] = load(b.data + v * kLanes);
    if (H) y = load<HalfVec>(b.data + C * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float word = a[r * Line];
      const Vec all = spread(word);
      for (int v = 0; v < C; ++v) sum[r][v] = multiply_add<T>(sum[r][v], all, x[v]);
      if (H) half[r] = multiply_add<T>(half[r], C ? first_lanes(all, EachUnit()) : spread<HalfVec>(word), y);
    }
    ++a;
    b.data += b.line;
  } while (a < end);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < C; ++v) store(c + r * line + v * kLanes, sum[r][v]);
    if (H) store(c + r * line + C * kLanes, half[r]);
  }
}

// Tiles of so many lanes, by their rows: as many as the registers hold.
using Tile = void (*)(const Word*, Rows, int64_t, float*, int64_t);
struct Panel {
  int lanes, most;
  const Tile* tiles;
};
template <typename T, int Line, int C, int H, int... R>
inline Panel panel(std::integer_sequence<int, R...>) {
  static constexpr Tile tiles[] = {tile<T, Line, R + 1, C, H>...};
  return {C * kLanes + H * kUnit, int(sizeof...(R)), tiles};
}
template <typename T, int Line, int C, int H>
inline Panel panel() {
  constexpr int kAll = kRegisters == 32 ? 24 : 12;
  return panel<T, Line, C, H>(std::make_integer_sequence<int, kAll / std::max(C + H, 2)>());
}
// One vector alone would wait for what is spread.
template <typename T, int Line>
inline Panel next_panel(int64_t lanes) {
  if constexpr (kWide) {
    if (lanes == 2 * kLanes + kUnit) return panel<T, Line, 2, 1>();
    if (lanes < kLanes) return panel<T, Line, 0, 1>();
  }
  if (lanes == 3 * kLanes || lanes == 5 * kLanes) return panel<T, Line, 3, 0>();
  return lanes >= 2 * kLanes ? panel<T, Line, 2, 0>() : panel<T, Line, 1, 0>();
}

// c (rows, lanes) += a (rows, words) b (words, lanes); lanes are a multiple of kUnit.
template <typename T, int Line>
void add_product(int64_t rows, int64_t words, int64_t lanes, const Word* a, Rows b, float* c, int64_t line) {
  for (int64_t lane = 0; lane < lanes;) {
    const Panel p = next_panel<T, Line>(lanes - lane);
    const Blocks blocks(rows, p.most);
    for (int64_t k = 0; k < blocks.count; ++k) {
      const int64_t from = blocks.begin(k), n = blocks.begin(k + 1) - from;
      p.tiles[n - 1](a + from * Line, {b.data + lane, b.line}, words, c + from * line + lane, line);
    }
    lane += p.lanes;
  }
}

}  // namespace attention_detail
}  // namespace EASEL_ISA
}  // namespace easel
