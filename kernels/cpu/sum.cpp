// sum(x; axes): sums over the axes of a bit mask, kept as size 1. Memory-bound. Blocks of a fixed size are
// summed in float and added up in double, in an order that does not depend on the number of threads.
#include "../executor/shapes/sum.h"

#include "kernel.h"

namespace easel {
namespace {

constexpr int64_t kBlock = 1024;  // elements, or rows of a column sum divided by 32, that are summed in float
constexpr int64_t kColumns = 1024;  // columns that one block of a column sum holds in double
constexpr int64_t kChunks = 64;     // a long reduction is cut into at most so many parts

template <typename T>
double sum_run(const T* x, int64_t n) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, n);
    float s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t k = begin; k < end; ++k) s += to_float(x[k]);
    total += double(s);
  }
  return total;
}

// s[0..columns) = sums of rows [begin, end) of x, whose rows are `stride` apart.
template <typename T>
void sum_columns(double* s, const T* x, int64_t begin, int64_t end, int64_t stride, int64_t columns) {
  float block[kColumns];
  std::fill_n(s, columns, 0.0);
  for (int64_t r0 = begin; r0 < end; r0 += 32) {
    std::fill_n(block, columns, 0.0f);
    for (int64_t r = r0; r < std::min(r0 + 32, end); ++r) {
      const T* row = x + r * stride;
#pragma omp simd
      for (int64_t c = 0; c < columns; ++c) block[c] += to_float(row[c]);
    }
#pragma omp simd
    for (int64_t c = 0; c < columns; ++c) s[c] += double(block[c]);
  }
}

int64_t parts_of(int64_t length, int64_t least) {
  return std::max<int64_t>(1, std::min(kChunks, length / least));
}

// x (A, R) -> y (A)
template <typename T>
Run sum_rows(const Instruction& i, T* y, const T* x, int64_t A, int64_t R) {
  const int64_t parts = parts_of(R, 1 << 14);
  const Scratch partials = i.scratch(size_t(A * parts) * sizeof(double));
  return [=] {
    double* partial = partials.get<double>();
    parallel_for(A * parts, (1 << 15) / (R / parts + 1) + 1, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const int64_t p = k % parts, from = R * p / parts, to = R * (p + 1) / parts;
        partial[k] = sum_run(x + k / parts * R + from, to - from);
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
template <typename T>
Run sum_middle(const Instruction& i, T* y, const T* x, int64_t A, int64_t R, int64_t B) {
  const int64_t parts = parts_of(R, 64), blocks = (B + kColumns - 1) / kColumns;
  const Scratch partials = i.scratch(size_t(A * parts * B) * sizeof(double));
  return [=] {
    double* partial = partials.get<double>();  // (A, parts, B)
    parallel_for(A * parts * blocks, (1 << 15) / (R / parts * std::min(B, kColumns) + 1) + 1,
                 [=](int64_t begin, int64_t end) {
                   for (int64_t k = begin; k < end; ++k) {
                     const int64_t c0 = k % blocks * kColumns, p = k / blocks % parts, a = k / blocks / parts;
                     sum_columns(partial + (a * parts + p) * B + c0, x + a * R * B + c0, R * p / parts,
                                 R * (p + 1) / parts, B, std::min(kColumns, B - c0));
                   }
                 });
    parallel_for(A * B, 1 << 12, [=](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        double total = 0;
        for (int64_t p = 0; p < parts; ++p) total += partial[(k / B * parts + p) * B + k % B];
        y[k] = from_float<T>(float(total));
      }
    });
  };
}

// Any other pattern: each output walks its summed elements. Rare, and small where it occurs.
template <typename T>
Run sum_strided(T* y, const T* x, const std::array<int64_t, EASEL_MAX_RANK>& sides, int rank, int64_t mask) {
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
    parallel_for(outputs, (1 << 13) / (reduced + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        double total = 0;
        const T* from = x + at(k, false);
        for (int64_t r = 0; r < reduced; ++r) total += double(to_float(from[at(r, true)]));
        y[k] = from_float<T>(float(total));
      }
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_sum(const Instruction& i) {
  const auto [rank, sides, mask] = sum_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  return dispatch(i, y.dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    T *p = y.as<T>(), *q = x.as<T>();
    if (y.count() == 0) return [] {};
    if (rank == 0) return [=] { p[0] = q[0]; };
    if (rank == 1 && !mask) return [=, n = sides[0]] { std::copy_n(q, n, p); };
    if (rank == 1) return sum_rows(i, p, q, 1, sides[0]);
    if (rank == 2 && mask == 2) return sum_rows(i, p, q, sides[0], sides[1]);
    if (rank == 2) return sum_middle(i, p, q, 1, sides[0], sides[1]);
    if (rank == 3 && mask == 2) return sum_middle(i, p, q, sides[0], sides[1], sides[2]);
    return sum_strided(p, q, sides, rank, mask);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
