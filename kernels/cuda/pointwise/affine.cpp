// affine(x; scale, shift) = scale * x + shift.
#include "../../executor/shapes/pointwise.h"
#include "../arrays/packs.h"

namespace easel {

Run prepare_affine(const Instruction& i) {
  check_affine(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  const float scale = float(i.attr(ATTR_AFFINE_SCALE)), shift = float(i.attr(ATTR_AFFINE_SHIFT));
  return launch(i, kernel_name("affine", y.dtype), {.grid = pack_blocks(i, y)}, y.data, x.data, scale, shift,
                y.count());
}

}  // namespace easel
