// adamw(param, grad, m, v, hyper, gradScale).
#include "packs.h"

namespace easel {

Run prepare_adamw(const Instruction& i) {
  i.require_counts(0, 6);
  for (int k = 0; k < 6; ++k) i.require(i.in(k).dtype == EASEL_F32, "operands must be f32");
  for (int k = 1; k < 4; ++k) i.require_same(i.in(0), i.in(k));
  i.require(i.in(4).count() == 7 && i.in(5).count() == 1, "hyper is (7), gradScale (1)");
  return launch(i, "adamw", {.grid = pack_blocks(i, i.in(0))}, i.in(0).data, i.in(1).data, i.in(2).data,
                i.in(3).data, i.in(4).data, i.in(5).data, i.in(0).count());
}

}  // namespace easel
