// The checks that conv2d and its gradients share.
#include "conv2d.h"

namespace easel {

Conv2dShape conv2d_shape(const Instruction& i, const Tensor& x, const Tensor& w, const Tensor& y, bool wide) {
  i.require(x.rank == 4 && y.rank == 4 && w.rank == 4, "wants x (N, H, W, I), w (O, I, KH, KW)");
  i.require_float(x);
  const bool rounded = wide && x.dtype == EASEL_BF16 && w.dtype == EASEL_F32;
  i.require((w.dtype == x.dtype || rounded) && y.dtype == x.dtype, "operands need one dtype");
  const Conv2dShape g{x.dims[0],
                      x.dims[1],
                      x.dims[2],
                      x.dims[3],
                      y.dims[1],
                      y.dims[2],
                      y.dims[3],
                      w.dims[2],
                      w.dims[3],
                      i.integer(ATTR_CONV2D_STRIDE),
                      i.integer(ATTR_CONV2D_PAD_TOP),
                      i.integer(ATTR_CONV2D_PAD_LEFT),
                      i.integer(ATTR_CONV2D_PAD_BOTTOM),
                      i.integer(ATTR_CONV2D_PAD_RIGHT)};
  constexpr int64_t kMost = 1 << 20;
  i.require(g.stride > 0 && g.stride < kMost, "stride is not positive");
  for (const int64_t pad : {g.top, g.left, g.bottom, g.right})
    i.require(pad >= 0 && pad < kMost, "a pad is negative or huge");
  i.require(x.count() > 0 && y.count() > 0 && w.count() > 0, "an operand is empty");
  i.require(w.dims[0] == g.O && w.dims[1] == g.I && y.dims[0] == g.N, "batch or channels differ");
  i.require(g.H + g.top + g.bottom >= g.KH && g.W + g.left + g.right >= g.KW &&
                g.height == (g.H + g.top + g.bottom - g.KH) / g.stride + 1 &&
                g.width == (g.W + g.left + g.right - g.KW) / g.stride + 1,
            "the sizes do not fit the geometry");
  return g;
}

AccumulateOperands conv2d_accumulate_operands(const Instruction& i) {
  i.require_counts(0, 3);
  AccumulateOperands o{i.in(0), i.in(1), i.in(2)};
  i.require(o.target.dtype == EASEL_F32, "the target must be f32");
  o.target.dtype = o.x.dtype;
  return o;
}

}  // namespace easel
