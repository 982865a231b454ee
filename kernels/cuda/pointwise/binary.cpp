// binary(fn; a, b) with NumPy broadcasting.
#include "../../executor/shapes/moves/strides.h"
#include "../../executor/shapes/pointwise.h"
#include "../arrays/packs.h"
#include "../arrays/walk.h"

namespace easel {

Run prepare_binary(const Instruction& i) {
  const int32_t fn = binary_function(i);
  const Strides s = binary_strides(i);
  const Tensor &y = i.out(0), &a = i.in(0), &b = i.in(1);
  const Walk w = make_walk(y.rank, y.dims, s.a.data(), s.b.data());
  return launch(i, kernel_name("binary", y.dtype), {.grid = pack_blocks(i, y)}, y.data, a.data, b.data, w,
                fn);
}

}  // namespace easel
