// conv2d on channels-last pictures: compute-bound. Weights keep the files' layout (O, I, KH, KW): frozen ones
// are packed once, others in each run. A 1x1 kernel without padding and stride is a matrix product. bf16 with
// stride 1 goes to direct/ where the processor multiplies it. What is computed in f32, f16 too, and bf16
// where oneDNN has only reference loops, goes to winograd.h where kernels are 3x3 with stride 1, or to
// float_conv.h. The rest are oneDNN's primitives, made once; operands that need it are converted in each run.
#include "../../executor/shapes/product/addends.h"
#include "float_conv.h"
#include "primitives.h"
#include "winograd.h"

namespace easel {
namespace {

using namespace conv2d_detail;

Run forward(const Instruction& i, const Conv2dShape& g, const Tensor* bias, const Tensor* residual,
            memory::data_type type, bool convert, bool insist) {
  const Descs d(g, type);
  const bool floats = type == memory::data_type::f32, by_winograd = floats && winograd_pays(g);
  if (floats && !by_winograd && float_conv_pays(g))
    return float_conv(i, float_operands(i, g, false, d.w, d.w, bias, residual));
  if (type == memory::data_type::bf16)
    if (Run run = direct_bf16(i, g, false, bias, residual)) return run;
  auto pd = forward_desc(d, bias != nullptr, Residual::kNone, false);
  if (!usable(pd, insist)) return nullptr;
  if (by_winograd) return winograd(i, float_operands(i, g, false, d.w, pd.weights_desc(), bias, residual));
  // Where outputs have no tap in the picture oneDNN 2.6's tiles take what lies beside it, or end the process,
  // and other code of its loses the residual.
  const bool of_border = std::max(g.top, g.bottom) >= g.KH || std::max(g.left, g.right) >= g.KW;
  if (type == memory::data_type::bf16 && of_border && strstr(pd.impl_info_str(), "amx")) return nullptr;
  Residual joins = Residual::kNone;
  // The first way that keeps the implementation; with AVX-512 an operand would lose a quarter of the speed.
  if (residual && !of_border) {
    for (const Residual way : {Residual::kOperand, Residual::kInPlace}) {
      if (way == Residual::kInPlace && convert) break;
      const auto with = forward_desc(d, bias != nullptr, way, false);
      if (!with || strcmp(with.impl_info_str(), pd.impl_info_str())) continue;
      pd = with;
      joins = way;
      break;
    }
  }
  ConvertedOperands o{{}, i, convert, {}};
  if (joins == Residual::kInPlace) o.steps.add(copy_residual(i.out(0), *residual));
  Call call(i, dnnl::convolution_forward(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_SRC, d.x, o.input(i.in(0)));
  call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(),
           packed_weights(i, {i.in(1), d.w, pd.weights_desc(), convert}, o.steps));
  if (bias) call.add(DNNL_ARG_BIAS, d.bias, o.input(*bias));
  if (joins == Residual::kOperand)
    call.add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, d.y, o.input(*residual));
  call.add(DNNL_ARG_DST, d.y, o.output(i.out(0)));
  o.steps.add(std::move(call));
  if (residual && joins == Residual::kNone) {
    if (o.afterwards) o.steps.add(std::exchange(o.afterwards, nullptr));
    o.steps.add(add_in_place(i, i.out(0), *residual));
  }
  return o.finish();
}

}  // namespace

inline namespace EASEL_ISA {

Run prepare_conv2d(const Instruction& i) {
  const Addends added = addends(i, ATTR_CONV2D_HAS_BIAS, ATTR_CONV2D_HAS_RESIDUAL);
  const Tensor &x = i.in(0), &w = i.in(1), &y = i.out(0);
  const Conv2dShape g = conv2d_shape(i, x, w, y, true);
  if (g.is_product()) {
    Product p;
    p.a = x;
    p.b = w;
    p.out = y;
    p.bias = added.bias;
    p.residual = added.residual;
    p.trans_b = true;
    p.M = g.N * g.H * g.W;
    p.N = g.O;
    p.K = g.I;
    return prepare_product(i, p);
  }
  if (w.dtype != x.dtype) return direct_bf16(i, g, false, added.bias, added.residual);
  return in_best_type(i, x.dtype, [&](memory::data_type type, bool convert, bool insist) {
    return forward(i, g, added.bias, added.residual, type, convert, insist);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
