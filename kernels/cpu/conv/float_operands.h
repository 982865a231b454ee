// What convolutions in float32 by kernels of our own read and write.
#pragma once
#include "../../executor/shapes/product/conv2d.h"
#include "../onednn.h"

namespace easel {
inline namespace EASEL_ISA {

struct FloatOperands {
  Conv2dShape g;
  dnnl::memory::desc layout;  // of w, in any blocks: (O, I, KH, KW)
  bool reversed;              // w is (I, O, KH, KW), and both kernel axes are reversed: an input gradient
  char *w, *x, *y;            // all of one type
  char *bias, *residual;      // may be null; residual may lie where y does
};

// An instruction's. Frozen weights that lie packed already are read so, else plain or packed as wanted, which
// are (O, I, KH, KW) in the instruction's sense.
inline FloatOperands float_operands(const Instruction& i, const Conv2dShape& g, bool reversed,
                                    const dnnl::memory::desc& plain, const dnnl::memory::desc& wanted,
                                    const Tensor* bias = nullptr, const Tensor* residual = nullptr) {
  const auto [w, layout] = weights_as_they_lie(i, {i.in(1), plain, wanted, false});
  const auto data = [](const Tensor* t) { return t ? t->data : nullptr; };
  return {g, layout, reversed, w, i.in(0).data, i.out(0).data, data(bias), data(residual)};
}

}  // namespace EASEL_ISA
}  // namespace easel
