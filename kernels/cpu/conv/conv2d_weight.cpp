// Weight gradients of conv2d, made anew or added to float32: our own (weight/) or oneDNN's.
#include "primitives.h"
#include "weight/weight.h"

namespace easel {
namespace {

using namespace conv2d_detail;

// What a weight gradient is made of, and where it goes: to dw (O, I, KH, KW) of x's dtype, or it is added to
// float32.
struct WeightGradient {
  Conv2dShape g;
  const Tensor &dy, &x;
  Tensor dw;
  bool accumulate, fresh;  // fresh: to 0
};

// dw += what lies in scratch, or 0 + that.
Run add_floats(const Tensor& dw, const Place& from, bool fresh) {
  return [n = dw.count(), to = dw.as<float>(), from, fresh] {
    const float* x = reinterpret_cast<const float*>(from.get());
    parallel_for(n, 1 << 15, [=](int64_t begin, int64_t end) {
#pragma omp simd
      for (int64_t k = begin; k < end; ++k) to[k] = (fresh ? 0 : to[k]) + x[k];
    });
  };
}

Run backward_weight(const Instruction& i, const WeightGradient& w, memory::data_type type, bool convert,
                    bool insist) {
  const Descs d(w.g, type);
  const auto hint = forward_desc(d, false, Residual::kNone, true);
  if (!hint) return nullptr;
  const memory::data_type made = w.accumulate ? memory::data_type::f32 : type;
  const memory::desc plain(d.w.dims(), made, memory::format_tag::oihw),
      any(d.w.dims(), made, memory::format_tag::any);
  const dnnl::convolution_backward_weights::desc desc(kDirect, d.x, any, d.y, d.strides, d.before, d.after);
  const dnnl::convolution_backward_weights::primitive_desc pd(desc, base_attributes(), onednn_engine(), hint,
                                                              true);
  if (!usable(pd, insist)) return nullptr;
  ConvertedOperands o{{}, i, convert, {}};
  Call call(i, dnnl::convolution_backward_weights(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_SRC, d.x, o.input(w.x));
  call.add(DNNL_ARG_DIFF_DST, d.y, o.input(w.dy));
  const memory::desc found = pd.diff_weights_desc();
  const Place out = w.accumulate ? Place{nullptr, i.scratch(plain.get_size())} : o.output(w.dw);
  const Place place = found == plain ? out : Place{nullptr, i.scratch(found.get_size())};
  call.add(DNNL_ARG_DIFF_WEIGHTS, found, place);
  o.steps.add(std::move(call));
  if (!(found == plain)) {
    const dnnl::reorder::primitive_desc back(onednn_engine(), found, onednn_engine(), plain,
                                             base_attributes());
    Call reorder(i, dnnl::reorder(back), back.scratchpad_desc());
    reorder.add(DNNL_ARG_FROM, found, place);
    reorder.add(DNNL_ARG_TO, plain, out);
    o.steps.add(std::move(reorder));
  }
  if (w.accumulate) o.steps.add(add_floats(w.dw, out, w.fresh));
  return o.finish();
}

Run weight_gradient(const Instruction& i, const WeightGradient& w) {
  if (w.g.is_product()) {
    Product p;
    p.a = w.dy;
    p.b = w.x;
    p.out = w.dw;
    p.trans_a = true;
    p.M = w.g.O;
    p.N = w.g.I;
    p.K = w.g.N * w.g.H * w.g.W;
    p.accumulate = w.accumulate;
    p.fresh = w.fresh;
    return prepare_product(i, p);
  }
  if (Run run = conv2d_weight(i, w.g, w.dy, w.x, w.dw, w.fresh)) return run;
  return in_best_type(i, w.x.dtype, [&](memory::data_type type, bool convert, bool insist) {
    return backward_weight(i, w, type, convert, insist);
  });
}

}  // namespace

inline namespace EASEL_ISA {

// conv2dBackwardWeight(dy, x; geometry, kernelHeight, kernelWidth) -> dw (O, I, KH, KW)
Run prepare_conv2d_backward_weight(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dw = i.out(0), &dy = i.in(0), &x = i.in(1);
  return weight_gradient(i, {conv2d_shape(i, x, dw, dy), dy, x, dw, false, false});
}

// conv2dAccumulate(target f32, dy, x; geometry, kernelHeight, kernelWidth, fresh)
Run prepare_conv2d_accumulate(const Instruction& i) {
  const auto [target, dy, x] = conv2d_accumulate_operands(i);
  const bool fresh = i.attr(ATTR_CONV2D_ACCUMULATE_FRESH) != 0;
  return weight_gradient(i, {conv2d_shape(i, x, target, dy), dy, x, i.in(0), true, fresh});
}

}  // namespace EASEL_ISA
}  // namespace easel
