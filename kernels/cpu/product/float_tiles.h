// Tiles of products in float32, whose sums stay in registers. Columns lie packed: of each place in the sum
// the numbers of all columns of a panel, then those of the next place. So do rows of a group whose numbers
// are no neighbours; others are copied one behind the other, or read where they lie. Numbers of 16 bits are
// widened meanwhile.
#pragma once
#include "../vectors/attention_vectors.h"
#include "../vectors/ratios.h"

namespace easel {
inline namespace EASEL_ISA {
namespace float_tiles {

using attention_detail::kPanel;  // columns of a panel; where there are kLanes or fewer it is half
using attention_detail::kRegisters;
using vectors::kLanes;
using vectors::LanesOf;
using vectors::load;
using vectors::store;
using vectors::Vec;

constexpr int kRows = kRegisters == 32 ? 14 : std::min(6, kLanes);  // most rows of a group

// c (R, V * kLanes; rows kPanel apart) = (or +=) a (R, depth) b (depth, V * kLanes). a is packed, or its rows
// are `line` apart. What is added to is read at last: a shorter chain is more exact.
template <int R, int V, bool Add, bool Packed>
void tile(const float* a, int64_t line, const float* b, int64_t depth, float* c) {
  Vec sum[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      sum[r][v] = Vec{};
      if (Add) __builtin_prefetch(c + r * kPanel + v * kLanes);
    }
  for (int64_t k = 0; k < depth; ++k, a += Packed ? R : 1, b += V * kLanes) {
    Vec x[V];
    for (int v = 0; v < V; ++v) x[v] = load(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sum[r][v] += a[Packed ? r : r * line] * x[v];
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      float* const to = c + r * kPanel + v * kLanes;
      store(to, Add ? load(to) + sum[r][v] : sum[r][v]);
    }
}

using Tile = void (*)(const float*, int64_t, const float*, int64_t, float*);
template <int V, bool Packed, int... R>
inline Tile tile_of(int64_t rows, bool add, std::integer_sequence<int, R...>) {
  static constexpr Tile tiles[2][sizeof...(R)] = {{tile<R + 1, V, false, Packed>...},
                                                  {tile<R + 1, V, true, Packed>...}};
  return tiles[add][rows - 1];
}
inline Tile tile_of(int64_t rows, bool wide, bool add, bool packed) {
  constexpr std::make_integer_sequence<int, kRows> all;
  if (wide) return packed ? tile_of<2, true>(rows, add, all) : tile_of<2, false>(rows, add, all);
  return packed ? tile_of<1, true>(rows, add, all) : tile_of<1, false>(rows, add, all);
}

// Memory that is read soon: runs of bytes, `apart` from each other. Each call asks for some lines more.
struct Ahead {
  const char* from = nullptr;
  int64_t apart = 0, bytes = 0, runs = 0, lines = 0, byte = 0;
  // All of it in so many calls.
  template <typename T>
  static Ahead of(const T* from, int64_t line, int64_t runs, int64_t numbers, int64_t calls) {
    constexpr int64_t kSize = sizeof(T);
    return {reinterpret_cast<const char*>(from), line * kSize, numbers * kSize, runs,
            runs * (numbers * kSize / 64 + 1) / calls + 1};
  }
  void ask() {
    for (int64_t n = 0; n < lines && runs > 0; ++n) {
      __builtin_prefetch(from + byte);
      if ((byte += 64) < bytes) continue;
      byte = 0;
      from += apart;
      --runs;
    }
  }
};

// Packs `depth` numbers of up to kLanes lines (rows or columns): those of one place in the sum lie together,
// `step` floats from those of the next. What lies between is overwritten, and so are kLanes floats after the
// last. Lines that are not there are 0. Here the numbers of a line are neighbours, lines `line` apart.
template <typename T>
void pack_lines(float* to, int64_t step, const T* from, int64_t line, int64_t lines, int64_t depth) {
  using L = LanesOf<T>;
  for (int64_t k = 0; k < depth; k += kLanes) {
    const int64_t many = std::min<int64_t>(kLanes, depth - k);
    Vec x[kLanes];
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) {
      const T* at = from + l * line + k;
      x[l] = l >= lines       ? Vec{}
             : many == kLanes ? L::read(at)
                              : vectors::read<L>(at, vectors::Part{int(many)});
    }
    attention_detail::transpose(x);
    if (many == kLanes) {
#pragma GCC unroll 16
      for (int n = 0; n < kLanes; ++n, to += step) store(to, x[n]);
    } else {
      for (int n = 0; n < many; ++n, to += step) store(to, x[n]);
    }
  }
}

// The same where the lines' numbers are neighbours, of which `there` may be read, and those of a line `line`
// apart.
template <typename T>
void pack_places(float* to, int64_t step, const T* from, int64_t line, int64_t lines, int64_t there,
                 int64_t depth) {
  using L = LanesOf<T>;
  if (there >= kLanes) {
    for (int64_t k = 0; k < depth; ++k, from += line, to += step) store(to, L::read(from));
  } else {
    for (int64_t k = 0; k < depth; ++k, from += line, to += step)
      store(to, vectors::read<L>(from, vectors::Part{int(lines)}));
  }
}

// A line's numbers as float; what lies up to kLanes floats behind them is overwritten.
template <typename T>
void copy_line(float* to, const T* from, int64_t n) {
  vectors::each_vector(
      n, [&](int64_t k, auto part) { store(to + k, vectors::read<LanesOf<T>>(from + k, part)); });
}

// Adds to a row's sums, and puts them where they go.
template <typename T>
void finish_row(T* y, const float* sums, int64_t n, const T* bias, const T* residual, bool accumulate) {
  using L = LanesOf<T>;
  vectors::each_vector(n, [&](int64_t k, auto part) {
    Vec v = load(sums + k);
    if (bias) v += vectors::read<L>(bias + k, part);
    if (residual) v += vectors::read<L>(residual + k, part);
    if (accumulate) v += vectors::read<L>(y + k, part);
    vectors::write<L>(y + k, v, part);
  });
}

}  // namespace float_tiles
}  // namespace EASEL_ISA
}  // namespace easel
