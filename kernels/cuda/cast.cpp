// cast(x; dtype).
#include "cast.h"

#include "packs.h"

namespace easel {

Run cast(const Instruction& i, const Tensor& y, const Tensor& x) {
  const std::string stem = std::string("cast_") + dtype_name(x.dtype);
  const int64_t n = y.count(), pack = std::max(pack_of(x.dtype), pack_of(y.dtype));
  return launch(i, kernel_name(stem.c_str(), y.dtype), {.grid = blocks(i, (n + pack - 1) / pack)}, y.data,
                x.data, n);
}

Run prepare_cast(const Instruction& i) {
  i.require_counts(1, 1);
  const Tensor &y = i.out(0), &x = i.in(0);
  i.require(x.same_shape(y), "the shapes differ");
  i.require(i.integer(ATTR_CAST_DTYPE) == y.dtype, "the output has another dtype than the attribute says");
  for (const Tensor* t : {&x, &y})
    if (t->dtype != EASEL_I32) i.require_float(*t);
  if (x.dtype == y.dtype) {
    i.require(x.dtype != EASEL_I32, "is no cast");
    return copy_bytes(i, y.data, x.data, size_t(y.bytes()));
  }
  return cast(i, y, x);
}

}  // namespace easel
