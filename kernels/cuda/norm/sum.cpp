// sum(x; axes): which of the three patterns, and into how many parts.
#include "../../executor/shapes/sum.h"

#include "../arrays/packs.h"
#include "../arrays/walk.h"

namespace easel {
namespace {

constexpr int64_t kRowPart = 1 << 14;  // elements of a row that one block sums
constexpr int64_t kColumnPart = 256;   // rows that one block sums of its columns
constexpr int64_t kMostParts = 1024;

int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by; }

// Elements a part: `least`, or more where there would be too many parts.
int64_t chunk_of(int64_t n, int64_t least) { return up(std::max(least, up(n, kMostParts)), 8) * 8; }

// An operand: data (or scratch) and dtype.
template <typename P>
struct At {
  P data;
  int32_t dtype;
};

// What is added up of each element.
struct Term {
  int32_t squares = 0;
  const float* scale = nullptr;
  float shift = 0;
};

std::string named(const char* stem, int32_t from, int32_t to) {
  return kernel_name((std::string(stem) + "_" + dtype_name(from)).c_str(), to);
}

// x (A, R) -> y (A, parts)
template <typename D, typename S>
Run rows(const Instruction& i, At<D> y, At<S> x, int64_t A, int64_t R, int64_t chunk, Term term) {
  const int64_t parts = std::max<int64_t>(1, up(R, chunk));
  const int32_t whole = R > 1024;  // a block for each part, or a warp
  return launch(i, named("sum_rows", x.dtype, y.dtype),
                {.grid = {whole ? A * parts : up(A * parts, 8)}, .shared = 32 * sizeof(float)}, y.data,
                x.data, A, R, parts, chunk, whole, term.squares, term.scale, term.shift);
}

// x (A, R, B) -> y (A, parts, B)
template <typename D, typename S>
Run columns(const Instruction& i, At<D> y, At<S> x, bool aligned, int64_t A, int64_t R, int64_t B,
            int64_t chunk, Term term) {
  const int64_t pack = pack_of(x.dtype);
  const int32_t packs = aligned && B % pack == 0;
  const int64_t side = packs ? B / pack : B;
  int32_t across = 1;
  while (across < (packs ? 8 : 32) && across < side) across *= 2;
  return launch(i, named("sum_columns", x.dtype, y.dtype),
                {.grid = {up(side, across), std::max<int64_t>(1, up(R, chunk)), std::min<int64_t>(A, 65535)},
                 .shared = size_t(packs ? pack : 1) * 256 * sizeof(float)},
                y.data, x.data, A, R, B, chunk, across, packs, term.squares, term.scale, term.shift);
}

Run sum_rows(const Instruction& i, const Tensor& y, const Tensor& x, int64_t A, int64_t R, Term term) {
  const At<char*> to{y.data, y.dtype}, from{x.data, x.dtype};
  const int64_t chunk = chunk_of(R, kRowPart), parts = up(R, chunk);
  if (parts <= 1) return rows(i, to, from, A, R, chunk, term);
  const At<Scratch> partials{i.scratch(size_t(A * parts) * sizeof(float)), EASEL_F32};
  return sequence({rows(i, partials, from, A, R, chunk, term),
                   rows(i, to, partials, A, parts, chunk_of(parts, kRowPart), Term{})});
}

Run sum_columns(const Instruction& i, const Tensor& y, const Tensor& x, int64_t A, int64_t R, int64_t B,
                Term term) {
  const At<char*> to{y.data, y.dtype}, from{x.data, x.dtype};
  const int64_t chunk = chunk_of(R, kColumnPart), parts = up(R, chunk);
  if (parts <= 1) return columns(i, to, from, aligned16(x.data), A, R, B, chunk, term);
  const At<Scratch> partials{i.scratch(size_t(A * parts * B) * sizeof(float)), EASEL_F32};
  return sequence({columns(i, partials, from, aligned16(x.data), A, R, B, chunk, term),
                   columns(i, to, partials, true, A, parts, B, kMostParts, Term{})});
}

}  // namespace

Run prepare_sum(const Instruction& i) {
  const auto [rank, sides, mask, squares, shift, scale] = sum_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const Term term{squares, scale, shift};
  if (y.count() == 0) return nothing();
  if (!mask && !squares) return copy_bytes(i, y.data, x.data, size_t(y.bytes()));
  if (rank == 1 && mask) return sum_rows(i, y, x, 1, sides[0], term);
  if (rank == 2 && mask == 2) return sum_rows(i, y, x, sides[0], sides[1], term);
  if (rank == 2) return sum_columns(i, y, x, 1, sides[0], sides[1], term);
  if (rank == 3 && mask == 2) return sum_columns(i, y, x, sides[0], sides[1], sides[2], term);
  Axes kept, summed;
  int64_t steps[EASEL_MAX_RANK], step = 1;
  for (int d = rank - 1; d >= 0; step *= sides[d--]) steps[d] = step;
  for (int d = 0; d < rank; ++d) (mask & (int64_t(1) << d) ? summed : kept).add(sides[d], steps[d]);
  return launch(i, kernel_name("sum_strided", y.dtype), {.grid = blocks(i, kept.count * 32)}, y.data, x.data,
                kept, summed, term.squares, term.scale, term.shift);
}

}  // namespace easel
