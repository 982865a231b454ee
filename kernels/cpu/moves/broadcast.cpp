// broadcast(x; d0..d4): axes of size 1 repeated. Memory-bound: rows of the last axis are copied or filled.
#include "../../executor/shapes/moves/strides.h"
#include "../kernel.h"

namespace easel {
namespace {

template <typename T>
Run repeated(const Tensor& y, const Tensor& x, const Merged& m) {
  const int64_t run = m.sides[m.last()], rows = y.count() / run;
  const bool fill = m.a[m.last()] == 0;
  return [=, p = y.as<T>(), q = x.as<T>()] {
    parallel_for(rows, (1 << 15) / run + 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t at = 0, rest = row;
        for (int d = m.last() - 1; d >= 0; --d) {
          at += rest % m.sides[d] * m.a[d];
          rest /= m.sides[d];
        }
        if (fill)
          std::fill_n(p + row * run, run, q[at]);
        else
          std::copy_n(q + at, run, p + row * run);
      }
    });
  };
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_broadcast(const Instruction& i) {
  const Strides s = broadcast_strides(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  if (y.count() == 0) return [] {};
  const Merged m = merge_axes(y, s);
  return dtype_bytes(y.dtype) == 4   ? repeated<uint32_t>(y, x, m)
         : dtype_bytes(y.dtype) == 2 ? repeated<uint16_t>(y, x, m)
                                     : repeated<uint8_t>(y, x, m);
}

}  // namespace EASEL_ISA
}  // namespace easel
