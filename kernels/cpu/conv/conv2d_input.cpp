// Input gradients of conv2d: the forward convolution with the reversed kernel, by tiles, vectors, Winograd or
// parts of sums, or by oneDNN where that is faster; else its own primitive.
#include "float_conv.h"
#include "primitives.h"
#include "winograd.h"

namespace easel {
namespace {

using namespace conv2d_detail;

// The forward convolution that an input gradient is, with the reversed kernel. A stride is how far apart its
// pixels lie then.
Conv2dShape turned(const Conv2dShape& g) {
  return {g.N,
          g.height,
          g.width,
          g.O,
          g.H,
          g.W,
          g.I,
          g.KH,
          g.KW,
          g.stride,
          g.KH - 1 - g.top,
          g.KW - 1 - g.left,
          g.KH - 1 - g.bottom,
          g.KW - 1 - g.right};
}

// dx as the convolution of dy with the reversed kernel by kernels of our own; null where these do not do it.
Run backward_input_own(const Instruction& i, const Conv2dShape& g, const Conv2dShape& r,
                       memory::data_type type) {
  if (type == memory::data_type::bf16) return direct_bf16(i, r, true, nullptr, nullptr);
  if (g.stride != 1) return nullptr;
  const memory::desc plain({g.O, g.I, g.KH, g.KW}, type, memory::format_tag::oihw);
  if (winograd_pays(r)) return winograd(i, float_operands(i, r, true, plain, plain));
  if (float_conv_pays(r)) return float_conv(i, float_operands(i, r, true, plain, plain));
  return nullptr;
}

// The same by oneDNN, for stride 1. Of few channels its forward batch-reduce GEMM reaches the arithmetic's
// peak, its backward loops 70-80 % of it: for trainable weights that pays on large pictures only; frozen ones
// would be kept a second time for the backward loops. Null where it is no gain.
Run backward_input_reversed(const Instruction& i, const Conv2dShape& g, const Conv2dShape& r,
                            memory::data_type type, bool convert, const char* usual) {
  const Tensor& w = i.in(1);
  if (g.stride != 1) return nullptr;
  if ((!w.frozen && g.N * g.H * g.W < 1024) || strstr(usual, "brg")) return nullptr;
  const Descs d(r, type);
  const auto pd = forward_desc(d, false, Residual::kNone, false);
  if (!pd || !strstr(pd.impl_info_str(), "brg")) return nullptr;
  ConvertedOperands o{{}, i, convert, {}};
  Call call(i, dnnl::convolution_forward(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_SRC, d.x, o.input(i.in(0)));
  call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(), reversed_weights(i, w, pd.weights_desc(), o.steps));
  call.add(DNNL_ARG_DST, d.y, o.output(i.out(0)));
  o.steps.add(std::move(call));
  return o.finish();
}

Run backward_input(const Instruction& i, const Conv2dShape& g, memory::data_type type, bool convert,
                   bool insist) {
  const Conv2dShape r = turned(g);
  const bool reversible = std::min({r.top, r.left, r.bottom, r.right}) >= 0;
  if (reversible)
    if (Run own = backward_input_own(i, g, r, type)) return own;
  const Descs d(g, type);
  const auto hint = forward_desc(d, false, Residual::kNone, true);
  if (!hint) return nullptr;
  const dnnl::convolution_backward_data::desc desc(kDirect, d.x, d.any_w, d.y, d.strides, d.before, d.after);
  const dnnl::convolution_backward_data::primitive_desc pd(desc, base_attributes(), onednn_engine(), hint,
                                                           true);
  if (reversible)
    if (Run run = backward_input_reversed(i, g, r, type, convert, pd ? pd.impl_info_str() : "")) return run;
  if (!usable(pd, insist)) return nullptr;
  ConvertedOperands o{{}, i, convert, {}};
  Call call(i, dnnl::convolution_backward_data(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_DIFF_DST, d.y, o.input(i.in(0)));
  call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(),
           packed_weights(i, {i.in(1), d.w, pd.weights_desc(), convert}, o.steps));
  call.add(DNNL_ARG_DIFF_SRC, d.x, o.output(i.out(0)));
  o.steps.add(std::move(call));
  return o.finish();
}

}  // namespace

inline namespace EASEL_ISA {

// conv2dBackwardInput(dy, w; geometry, height, width) -> dx (N, height, width, I)
Run prepare_conv2d_backward_input(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dx = i.out(0), &dy = i.in(0), &w = i.in(1);
  const Conv2dShape g = conv2d_shape(i, dx, w, dy, true);
  if (g.is_product()) {
    Product p;
    p.a = dy;
    p.b = w;
    p.out = dx;
    p.M = g.N * g.H * g.W;
    p.N = g.I;
    p.K = g.O;
    return prepare_product(i, p);
  }
  if (w.dtype != dx.dtype) {
    i.require(g.stride == 1, "operands need one dtype here");
    return direct_bf16(i, turned(g), true, nullptr, nullptr);
  }
  return in_best_type(i, dx.dtype, [&](memory::data_type type, bool convert, bool insist) {
    return backward_input(i, g, type, convert, insist);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
