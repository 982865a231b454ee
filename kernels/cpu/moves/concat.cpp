// concat(a, b, ...; axis): runs of bytes, row by row. Memory-bound.
#include "../../executor/shapes/moves/concat.h"

#include <cstring>

#include "../kernel.h"

namespace easel {
namespace {

struct Parts {
  int64_t count, rows, whole;
  int64_t bytes[EASEL_MAX_OPERANDS];
  const char* data[EASEL_MAX_OPERANDS];
};

}  // namespace

inline namespace EASEL_ISA {

Run prepare_concat(const Instruction& i) {
  const ConcatShape shape = concat_shape(i);
  const Tensor& y = i.out(0);
  const int64_t size = dtype_bytes(y.dtype);
  Parts s{i.inputs(), shape.rows, shape.whole * size, {}, {}};
  for (int k = 0; k < i.inputs(); ++k) {
    s.bytes[k] = shape.widths[k] * size;
    s.data[k] = i.in(k).data;
  }
  return [=, p = y.data] {
    parallel_for(s.rows, (1 << 17) / (s.whole + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        char* row = p + r * s.whole;
        for (int64_t k = 0; k < s.count; row += s.bytes[k++])
          std::memcpy(row, s.data[k] + r * s.bytes[k], size_t(s.bytes[k]));
      }
    });
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
