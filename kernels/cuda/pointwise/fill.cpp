// fill, copy, accumulate: the effects on a parameter.
#include "../../executor/shapes/pointwise.h"
#include "../../pointwise.h"
#include "../arrays/packs.h"
#include "cast.h"

namespace easel {
namespace {

uint32_t bits_of(const Instruction& i, const Tensor& y, double value) {
  switch (y.dtype) {
    case EASEL_F32:
      return float_bits(float(value));
    case EASEL_F16:
      return from_float<f16>(float(value)).bits;
    case EASEL_BF16:
      return from_float<bf16>(float(value)).bits;
    case EASEL_I32:
      return uint32_t(int32_t(i.integer(ATTR_FILL_VALUE)));
    default:
      i.fail(std::string(dtype_name(y.dtype)) + " is not supported here");
  }
}

}  // namespace

// fill(target; value)
Run prepare_fill(const Instruction& i) {
  i.require_counts(0, 1);
  const Tensor& y = i.in(0);
  const uint32_t bits = bits_of(i, y, i.attr(ATTR_FILL_VALUE));
  if (bits == 0) return zero(i, y.data, size_t(y.bytes()));
  return launch(i, "fill_" + std::to_string(dtype_bytes(y.dtype)), {.grid = pack_blocks(i, y)}, y.data, bits,
                y.count());
}

// copy(target, value): target = value cast to its dtype.
Run prepare_copy(const Instruction& i) {
  check_copy(i);
  const Tensor &y = i.in(0), &x = i.in(1);
  if (x.dtype == y.dtype) return copy_bytes(i, y.data, x.data, size_t(y.bytes()));
  return cast(i, y, x);
}

// accumulate(target f32, value; fresh): target += value, or 0 + value.
Run prepare_accumulate(const Instruction& i) {
  check_accumulate(i);
  const Tensor &y = i.in(0), &x = i.in(1);
  return freshly(
      i, ATTR_ACCUMULATE_FRESH, y,
      launch(i, kernel_name("accumulate", x.dtype), {.grid = pack_blocks(i, x)}, y.data, x.data, x.count()));
}

}  // namespace easel
