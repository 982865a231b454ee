// sum(x; axes): sums over the axes of a bit mask, kept as size 1. Memory-bound. Blocks of a fixed size are
// summed in float and added up in double, in an order that does not depend on the number of threads.
#include "../../executor/shapes/sum.h"

#include <utility>

#include "../kernel.h"

namespace easel {
namespace {

constexpr int64_t kBlock = 1024;  // elements, or rows of a column sum divided by 32, that are summed in float
constexpr int64_t kColumns =
    1280;                        // columns that one block of a column sum holds in double: whole rows of most
constexpr int64_t kChunks = 64;  // a long reduction is cut into at most so many parts

// What is added up of an element.
struct Plain {
  template <typename T>
  EASEL_FN float operator()(T x) const {
    return to_float(x);
  }
};
struct Squared {
  float scale, shift;
  EASEL_FN float operator()(float x) const { return x * scale * (x * scale) + shift; }
};

template <typename T, typename F>
double sum_run(const T* x, int64_t n, F term) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, n);
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t k = begin; k < end; ++k) s += term(x[k]);
    total += double(s);
  }
  return total;
}

// s[0..columns) = sums of rows [begin, end) of x, whose rows are `stride` apart.
template <typename T, typename F>
void sum_columns(double* s, const T* x, int64_t begin, int64_t end, int64_t stride, int64_t columns, F term) {
  float block[kColumns];
  std::fill_n(s, columns, 0.0);
  for (int64_t r0 = begin; r0 < end; r0 += 32) {
    std::fill_n(block, columns, 0.0f);
    const int64_t last = std::min(r0 + 32, end);
    int64_t r = r0;
    for (; r + 4 <= last; r += 4) {  // four rows for one way over the block
      const T *p = x + r * stride, *q = p + stride, *u = q + stride, *v = u + stride;
#pragma omp simd
      for (int64_t c = 0; c < columns; ++c)
        block[c] = block[c] + term(p[c]) + term(q[c]) + term(u[c]) + term(v[c]);
    }
    for (; r < last; ++r) {
      const T* row = x + r * stride;
#pragma omp simd
      for (int64_t c = 0; c < columns; ++c) block[c] += term(row[c]);
    }
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) s[c] += double(block[c]);
  }
}

// y[0..columns) = sums over parts, whose rows are `stride` apart, of at most kTotals columns.
constexpr int64_t kTotals = 32;
template <typename T>
void join(T* y, const double* part, int64_t parts, int64_t stride, int64_t columns) {
  double total[kTotals]{};
  for (int64_t p = 0; p < parts; ++p, part += stride)
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) total[c] += part[c];
  for (int64_t c = 0; c < columns; ++c) y[c] = from_float<T>(float(total[c]));
}

int64_t parts_of(int64_t length, int64_t least) {
  return std::max<int64_t>(1, std::min(kChunks, length / least));
}

// x (A, R, B) -> y (A, B) with a few rows of a few columns, such as kernels of 3 by 3.
constexpr int64_t kFew = 8;
template <int R, int B, typename T, typename F>
void sum_few(T* y, const T* x, int64_t n, F term) {
  for (int64_t k = 0; k < n; ++k, x += R * B, y += B)
    for (int c = 0; c < B; ++c) {
      float s = 0;
      for (int r = 0; r < R; ++r) s += term(x[r * B + c]);
      y[c] = from_float<T>(s);
    }
}
template <int B, typename T, typename F, int... R>
auto few_rows(int64_t rows, std::integer_sequence<int, R...>) {
  static void (*const table[])(T*, const T*, int64_t, F) = {sum_few<R + 1, B, T, F>...};
  return table[rows - 1];
}
// The function for so many; null where they are more.
template <typename T, typename F>
auto few(int64_t rows, int64_t columns) -> void (*)(T*, const T*, int64_t, F) {
  constexpr auto up_to = std::make_integer_sequence<int, kFew - 1>();
  if (rows < 1 || rows >= kFew) return nullptr;
  return columns == 1   ? few_rows<1, T, F>(rows, up_to)
         : columns == 3 ? few_rows<3, T, F>(rows, up_to)
                        : nullptr;
}

// x (A, R) -> y (A). `terms` tells what is added up when it runs.
template <typename T, typename Terms>
Run sum_rows(const Instruction& i, T* y, const T* x, int64_t A, int64_t R, Terms terms) {
  const int64_t parts = parts_of(R, 1 << 14);
  const Scratch partials = i.scratch(size_t(A * parts) * sizeof(double));
  return [=] {
    double* partial = partials.get<double>();
    const auto term = terms();
    parallel_for(A * parts, (1 << 15) / (R / parts + 1) + 1, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t p = k % parts, from = R * p / parts, to = R * (p + 1) / parts;
        partial[k] = sum_run(x + k / parts * R + from, to - from, term);
      }
    });
    for (int64_t a = 0; a < A; ++a) {
      double total = 0;
      for (int64_t p = 0; p < parts; ++p) total += partial[a * parts + p];
      y[a] = from_float<T>(float(total));
    }
  };
}

// x (A, R, B) -> y (A, B), B > 1
template <typename T, typename Terms>
Run sum_middle(const Instruction& i, T* y, const T* x, int64_t A, int64_t R, int64_t B, Terms terms) {
  const int64_t parts = parts_of(R, 64), blocks = (B + kColumns - 1) / kColumns;
  const Scratch partials = i.scratch(size_t(A * parts * B) * sizeof(double));
  return [=] {
    double* partial = partials.get<double>();  // (A, parts, B)
    const auto term = terms();
    parallel_for(A * parts * blocks, (1 << 15) / (R / parts * std::min(B, kColumns) + 1) + 1,
                 [=](int64_t begin, int64_t end) {
                   for (int64_t k = begin; k < end; ++k) {
                     const int64_t c0 = k % blocks * kColumns, p = k / blocks % parts, a = k / blocks / parts;
                     sum_columns(partial + (a * parts + p) * B + c0, x + a * R * B + c0, R * p / parts,
                                 R * (p + 1) / parts, B, std::min(kColumns, B - c0), term);
                   }
                 });
    parallel_for(A * B, (1 << 15) / parts, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end;) {
        const int64_t a = k / B, c = k % B, columns = std::min({kTotals, B - c, end - k});
        join(y + k, partial + a * parts * B + c, parts, B, columns);
        k += columns;
      }
    });
  };
}

// Any other pattern: each output walks its summed elements. Rare, and small where it occurs.
template <typename T, typename Terms>
Run sum_strided(T* y, const T* x, const SumShape& shape, Terms terms) {
  const auto& sides = shape.sides;
  const int rank = shape.rank;
  const int64_t mask = shape.mask;
  std::array<int64_t, EASEL_MAX_RANK> stride{};
  int64_t step = 1, outputs = 1, reduced = 1;
  for (int d = rank - 1; d >= 0; --d) {
    stride[size_t(d)] = step;
    step *= sides[size_t(d)];
    (mask & (int64_t(1) << d) ? reduced : outputs) *= sides[size_t(d)];
  }
  const auto at = [=](int64_t k, bool summed) {
    int64_t offset = 0;
    for (int d = rank - 1; d >= 0; --d)
      if (bool(mask & (int64_t(1) << d)) == summed) {
        offset += k % sides[size_t(d)] * stride[size_t(d)];
        k /= sides[size_t(d)];
      }
    return offset;
  };
  return [=] {
    const auto term = terms();
    parallel_for(outputs, (1 << 13) / (reduced + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        double total = 0;
        const T* from = x + at(k, false);
        for (int64_t r = 0; r < reduced; ++r) total += double(term(from[at(r, true)]));
        y[k] = from_float<T>(float(total));
      }
    });
  };
}

template <typename T, typename Terms>
Run prepare(const Instruction& i, const SumShape& shape, Terms terms) {
  using F = decltype(terms());
  const auto& [rank, sides, mask, squares, shift, scale] = shape;
  const Tensor &y = i.out(0), &x = i.in(0);
  T *p = y.as<T>(), *q = x.as<T>();
  const int64_t columns = rank == 3 ? sides[2] : 1;
  const auto small = (rank == 2 || rank == 3) && mask == 2 ? few<T, F>(sides[1], columns) : nullptr;
  if (small)
    return [=, A = sides[0], step = sides[1] * columns] {
      const auto term = terms();
      parallel_for(A, (1 << 14) / step, [=](int64_t begin, int64_t end) {
        small(p + begin * columns, q + begin * step, end - begin, term);
      });
    };
  if (rank == 1 && mask) return sum_rows(i, p, q, 1, sides[0], terms);
  if (rank == 2 && mask == 2) return sum_rows(i, p, q, sides[0], sides[1], terms);
  if (rank == 2) return sum_middle(i, p, q, 1, sides[0], sides[1], terms);
  if (rank == 3 && mask == 2) return sum_middle(i, p, q, sides[0], sides[1], sides[2], terms);
  return sum_strided(p, q, shape, terms);
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_sum(const Instruction& i) {
  const SumShape shape = sum_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  if (y.count() == 0) return [] {};
  if (shape.squares)
    return prepare<float>(i, shape, [scale = shape.scale, shift = shape.shift] {
      return Squared{scale ? *scale : 1.0f, shift};
    });
  return dispatch(i, y.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    if (!shape.mask) return [p = y.as<T>(), q = x.as<T>(), n = y.count()] { std::copy_n(q, n, p); };
    return prepare<T>(i, shape, [] { return Plain{}; });
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
