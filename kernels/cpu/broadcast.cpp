// broadcast(x; d0..d4): axes of size 1 repeated. Memory-bound: rows of the last axis are copied or filled.
#include <array>

#include "kernel.h"

namespace easel {
namespace {

template <typename T>
Run repeated(const Tensor& y, const Tensor& x) {
  // Trailing axes that are not repeated form one run; a repeated last axis is a fill.
  int64_t run = 1;
  int rank = y.rank;
  while (rank > 0 && x.dims[rank - 1] == y.dims[rank - 1]) run *= y.dims[--rank];
  int64_t fill = 1;
  if (rank > 0 && run == 1) fill = y.dims[--rank];
  std::array<int64_t, EASEL_MAX_RANK> sides{}, steps{};
  int64_t step = run, rows = 1;
  for (int d = rank - 1; d >= 0; --d) {
    sides[size_t(d)] = y.dims[d];
    steps[size_t(d)] = x.dims[d] == 1 ? 0 : step;
    step *= x.dims[d];
    rows *= y.dims[d];
  }
  return [=, p = y.as<T>(), q = x.as<T>()] {
    parallel_for(rows, (1 << 15) / (run * fill) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t at = 0, rest = row;
        for (int d = rank - 1; d >= 0; --d) {
          at += rest % sides[size_t(d)] * steps[size_t(d)];
          rest /= sides[size_t(d)];
        }
        if (run == 1)
          std::fill_n(p + row * fill, fill, q[at]);
        else
          std::copy_n(q + at, run, p + row * run);
      }
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_broadcast(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(y.rank == x.rank && y.dtype == x.dtype, "rank or dtype differ");
  for (int d = 0; d < y.rank; ++d) i.require(x.dims[d] == 1 || x.dims[d] == y.dims[d], "cannot be broadcast");
  if (y.count() == 0) return [] {};
  return dtype_bytes(y.dtype) == 4   ? repeated<uint32_t>(y, x)
         : dtype_bytes(y.dtype) == 2 ? repeated<uint16_t>(y, x)
                                     : repeated<uint8_t>(y, x);
}

}  // namespace EASEL_ISA
}  // namespace easel
