// geglu and its gradient: one thread an output element.
#include "../executor/shapes/geglu.h"

#include "kernel.h"

namespace easel {

Run prepare_geglu(const Instruction& i) {
  const auto [M, C] = geglu_shape(i);
  const Tensor &y = i.out(0), &x = i.in(0);
  return launch(i, kernel_name("geglu", y.dtype), {.grid = blocks(i, M * C)}, y.data, x.data, M, C);
}

Run prepare_geglu_backward(const Instruction& i) {
  const auto [M, C] = geglu_backward_shape(i);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1);
  return launch(i, kernel_name("geglu_backward", dx.dtype), {.grid = blocks(i, M * C)}, dx.data, dy.data,
                x.data, M, C);
}

}  // namespace easel
