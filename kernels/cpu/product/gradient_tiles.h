// Tiles of weight gradients in bf16 (product_tiles.h), whose sums go to float32 where they belong as soon as
// they are made: a store of 64 bytes costs one and a half products, and of few pixels there are few products.
#pragma once
#include "product_tiles.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace product_detail {

// What becomes of sums. Past the caches goes what is not read again soon; it must be aligned to a vector.
enum class Goal { kAdded, kWritten, kPastCaches };

// Calls f with what puts a vector where it belongs. 0 is added to what is written, too: -0 becomes 0, as
// where it is added to a gradient that was cleared.
template <typename F>
inline void put_all(Goal goal, const F& f) {
  if (goal == Goal::kAdded)
    f([](float* to, Vec x) { store(to, load(to) + x); });
  else if (goal == Goal::kWritten)
    f([](float* to, Vec x) { store(to, x + Vec{}); });
  else
    f([](float* to, Vec x) { _mm512_stream_ps(to, (__m512)(x + Vec{})); });
}

struct Sums {
  const float* from;  // what other words gave, rows kPanel apart; null: nothing yet
  float* to;
  int64_t line;  // between the rows of `to`
  Goal goal;
};

// For so many numbers in rows of `line`, which `fresh` tells to write; from so many bytes on past the caches.
template <typename T>
inline Goal goal_of(const T* y, int64_t count, int64_t line, bool fresh, int64_t large = 4 << 20) {
  constexpr int64_t kSize = sizeof *y;
  if (!fresh) return Goal::kAdded;
  return count * kSize >= large && line * kSize % 64 == 0 && uintptr_t(y) % 64 == 0 ? Goal::kPastCaches
                                                                                    : Goal::kWritten;
}

// Sums of R of a's columns by kPanel of b's; both are packed, a word of each column, kPanel words together.
template <int R>
void gradient_tile(const Word* a, const Word* b, int64_t words, const Sums& s) {
  Vec sum[R][2];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < 2; ++v) {
      sum[r][v] = s.from ? load(s.from + r * kPanel + v * kLanes) : Vec{};
      if (s.goal != Goal::kPastCaches) __builtin_prefetch(s.to + r * s.line + v * kLanes, 1);
    }
  for (const Word* const end = a + words * kPanel; a < end; a += kPanel, b += kPanel) {
    const Vec x0 = load(b), x1 = load(b + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vec all = spread(a[r]);
      sum[r][0] = multiply_add<bf16>(sum[r][0], all, x0);
      sum[r][1] = multiply_add<bf16>(sum[r][1], all, x1);
    }
  }
  put_all(s.goal, [&](auto put) {
    float* to = s.to;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r, to += s.line)
      for (int v = 0; v < 2; ++v) put(to + v * kLanes, sum[r][v]);
  });
}

template <int... R>
inline auto gradient_tile_of(int64_t rows, std::integer_sequence<int, R...>) {
  static constexpr void (*tiles[])(const Word*, const Word*, int64_t,
                                   const Sums&) = {gradient_tile<R + 1>...};
  return tiles[rows - 1];
}

// The same of so many rows, 1 to kRows.
inline void gradient_tile(int64_t rows, const Word* a, const Word* b, int64_t words, const Sums& s) {
  gradient_tile_of(rows, std::make_integer_sequence<int, kRows>())(a, b, words, s);
}

}  // namespace product_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
