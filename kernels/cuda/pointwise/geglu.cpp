// geglu and its gradient.
#include "../../executor/shapes/geglu.h"

#include "../arrays/packs.h"

namespace easel {

Run prepare_geglu(const Instruction& i) {
  const auto [M, C] = geglu_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  return launch(i, kernel_name("geglu", y.dtype), {.grid = pack_blocks(i, y)}, y.data, x.data, M, C);
}

Run prepare_geglu_backward(const Instruction& i) {
  const auto [M, C] = geglu_backward_shape(i);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  return launch(i, kernel_name("geglu_backward", dx.dtype), {.grid = pack_blocks(i, dy)}, dx.data, dy.data,
                x.data, M, C);
}

}  // namespace easel
