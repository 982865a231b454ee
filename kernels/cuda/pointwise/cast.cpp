// cast(x; dtype).
#include "cast.h"

#include "../../executor/shapes/pointwise.h"
#include "../arrays/packs.h"

namespace easel {

Run cast(const Instruction& i, const Tensor& y, const Tensor& x) {
  const std::string stem = std::string("cast_") + dtype_name(x.dtype);
  const int64_t n = y.count(), pack = std::max(pack_of(x.dtype), pack_of(y.dtype));
  return launch(i, kernel_name(stem.c_str(), y.dtype), {.grid = blocks(i, (n + pack - 1) / pack)}, y.data,
                x.data, n);
}

Run prepare_cast(const Instruction& i) {
  check_cast(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  if (x.dtype == y.dtype) return copy_bytes(i, y.data, x.data, size_t(y.bytes()));
  return cast(i, y, x);
}

}  // namespace easel
