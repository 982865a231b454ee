// adamw(param, grad, m, v, hyper, gradScale), and adamwOutcome of the same.
#include "../../executor/shapes/pointwise.h"
#include "../arrays/packs.h"

namespace easel {

Run prepare_adamw(const Instruction& i) {
  check_adamw(i);
  return launch(i, "adamw", {.grid = pack_blocks(i, i.in(0))}, i.in(0).data, i.in(1).data, i.in(2).data,
                i.in(3).data, i.in(4).data, i.in(5).data, i.in(0).count());
}

// A block for each part.
Run prepare_adamw_outcome(const Instruction& i) {
  check_adamw_outcome(i);
  return launch(i, "adamw_outcome", {.grid = {i.out(0).count()}, .shared = 32 * sizeof(float)}, i.out(0).data,
                i.in(0).data, i.in(1).data, i.in(2).data, i.in(3).data, i.in(4).data, i.in(5).data,
                i.in(0).count());
}

}  // namespace easel
