// binary(fn; a, b) with NumPy broadcasting. Memory-bound; the output may be an operand of its size.
#include <utility>

#include "../../executor/shapes/moves/strides.h"
#include "../../executor/shapes/pointwise.h"
#include "../kernel.h"

namespace easel {
namespace {

constexpr int kFunctions = BINARY_MAXIMUM + 1;

template <typename T>
using Compute = std::conditional_t<std::is_same_v<T, int32_t>, int32_t, float>;
EASEL_FN int32_t load(const int32_t* p) { return *p; }
template <typename T>
EASEL_FN float load(const T* p) {
  return to_float(*p);
}
EASEL_FN void store(int32_t* p, int32_t v) { *p = v; }
template <typename T>
EASEL_FN void store(T* p, float v) {
  *p = from_float<T>(v);
}

// StepA, StepB: 1 for a vector, 0 for one value.
template <int Fn, typename T, int StepA, int StepB>
void segment(T* y, const T* a, const T* b, int64_t n) {
  if constexpr (StepA && StepB) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(load(a + k), load(b + k)));
  } else if constexpr (StepA) {
    const Compute<T> v = load(b);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(load(a + k), v));
  } else {
    const Compute<T> v = load(a);
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) store(y + k, binary<Fn>(v, load(b + k * StepB)));
  }
}

template <int Fn, typename T>
void range(const Merged& m, T* y, const T* a, const T* b, int64_t begin, int64_t end) {
  const int64_t inner = m.sides[m.last()], inner_a = m.a[m.last()], inner_b = m.b[m.last()];
  const auto f = inner_a && inner_b ? segment<Fn, T, 1, 1>
                 : inner_a          ? segment<Fn, T, 1, 0>
                 : inner_b          ? segment<Fn, T, 0, 1>
                                    : segment<Fn, T, 0, 0>;
  while (begin < end) {
    int64_t row = begin / inner, column = begin % inner, at_a = column * inner_a, at_b = column * inner_b;
    for (int d = m.last() - 1; d >= 0; --d) {
      at_a += row % m.sides[d] * m.a[d];
      at_b += row % m.sides[d] * m.b[d];
      row /= m.sides[d];
    }
    const int64_t n = std::min(end - begin, inner - column);
    f(y + begin, a + at_a, b + at_b, n);
    begin += n;
  }
}

// Rows of a few elements, such as kernels of 3 by 3 against means of their rows: tiles of the last one or two
// axes, in which each element of an operand has a place of its own. Operands are laid out as the output is,
// some tiles at a time.
struct Tiles {
  static constexpr int64_t kMost = 64, kRun = 1024;  // elements of a tile, and laid out at a time
  int64_t size = 0, count = 0;                       // none where the shapes are others

  explicit Tiles(const Merged& m) {
    if (m.rank != 2 && m.rank != 3) return;
    int64_t elements = 1;
    for (int d = 1; d < m.rank; ++d) elements *= m.sides[d];
    if (elements <= kMost && m.sides[m.last()] < 16) size = elements, count = m.sides[0];
  }
};
struct TileOperand {
  int64_t step;  // from tile to tile
  bool laid_out = true;
  int32_t at[Tiles::kMost];

  TileOperand(const Merged& m, const PerAxis& strides, int64_t size) : step(strides[0]) {
    for (int64_t k = 0; k < size; ++k) {
      const int64_t inner = m.sides[m.last()];
      at[k] = int32_t(k % inner * strides[m.last()] + (m.rank == 3 ? k / inner * strides[1] : 0));
      laid_out = laid_out && at[k] == k;
    }
    laid_out = laid_out && step == size;
  }

  // Tiles [begin, end), where they lie or in `room`.
  template <typename T>
  const T* take(T* room, const T* x, int64_t begin, int64_t end, int64_t size) const {
    x += begin * step;
    if (laid_out) return x;
    if (size == 9)
      lay<9>(room, x, end - begin);
    else if (size == 3)
      lay<3>(room, x, end - begin);
    else
      for (int64_t t = begin; t < end; ++t, x += step)
        for (int64_t k = 0; k < size; ++k) room[(t - begin) * size + k] = x[at[k]];
    return room;
  }

 private:
  template <int Size, typename T>
  void lay(T* room, const T* x, int64_t tiles) const {
    int32_t from[Size];
    std::copy_n(at, Size, from);
    for (int64_t t = 0; t < tiles; ++t, x += step, room += Size)
      for (int k = 0; k < Size; ++k) room[k] = x[from[k]];
  }
};

template <int Fn, typename T>
void tiled(const TileOperand& oa, const TileOperand& ob, int64_t size, T* y, const T* a, const T* b,
           int64_t begin, int64_t end) {
  T room_a[Tiles::kRun], room_b[Tiles::kRun];
  for (int64_t next; begin < end; begin = next) {
    next = std::min(end, begin + Tiles::kRun / size);
    segment<Fn, T, 1, 1>(y + begin * size, oa.take(room_a, a, begin, next, size),
                         ob.take(room_b, b, begin, next, size), (next - begin) * size);
  }
}

template <typename T>
using Tiled = void (*)(const TileOperand&, const TileOperand&, int64_t, T*, const T*, const T*, int64_t,
                       int64_t);
template <typename T, int... Fn>
Tiled<T> choose_tiled(int32_t fn, std::integer_sequence<int, Fn...>) {
  static const Tiled<T> table[] = {tiled<Fn, T>...};
  return table[fn];
}

template <typename T>
using Range = void (*)(const Merged&, T*, const T*, const T*, int64_t, int64_t);

template <typename T, int... Fn>
Range<T> choose(int32_t fn, std::integer_sequence<int, Fn...>) {
  static const Range<T> table[] = {range<Fn, T>...};
  return table[fn];
}

template <typename T>
Run prepared(const Instruction& i, int32_t fn) {
  const Merged m = merge_axes(i.out(0), binary_strides(i));
  if (const Tiles tiles(m); tiles.count > 0)
    return [f = choose_tiled<T>(fn, std::make_integer_sequence<int, kFunctions>()), tiles,
            y = i.out(0).as<T>(), a = i.in(0).as<T>(), b = i.in(1).as<T>(),
            oa = TileOperand(m, m.a, tiles.size), ob = TileOperand(m, m.b, tiles.size)] {
      parallel_for(tiles.count, (1 << 15) / tiles.size,
                   [&](int64_t begin, int64_t end) { f(oa, ob, tiles.size, y, a, b, begin, end); });
    };
  return [=, f = choose<T>(fn, std::make_integer_sequence<int, kFunctions>()), y = i.out(0).as<T>(),
          a = i.in(0).as<T>(), b = i.in(1).as<T>(), n = i.out(0).count()] {
    parallel_for(n, 1 << 15, [&](int64_t begin, int64_t end) { f(m, y, a, b, begin, end); });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_binary(const Instruction& i) {
  const int32_t fn = binary_function(i), dtype = i.out(0).dtype;
  if (dtype == EASEL_I32) return prepared<int32_t>(i, fn);
  return dispatch(i, dtype, [&](auto type) { return prepared<typename decltype(type)::type>(i, fn); });
}

}  // namespace EASEL_ISA
}  // namespace easel
