// conv2d on channels-last pictures and its two gradients: compute-bound, oneDNN primitives made once. Weights
// keep the files' layout (O, I, KH, KW): frozen ones are packed once, others in each run. A 1x1 kernel
// without padding and stride is a matrix product. bf16 with stride 1 goes to direct/ where the processor
// multiplies it. What is computed in f32, f16 too, and bf16 where oneDNN has only reference loops, goes to
// winograd.h where kernels are 3x3 with stride 1; other operands are converted in each run.
#include "../../executor/shapes/product/conv2d.h"

#include <utility>

#include "../../executor/shapes/product/addends.h"
#include "../onednn.h"
#include "direct/direct.h"
#include "weight/weight.h"
#include "winograd.h"

namespace easel {
namespace {

using dnnl::memory;

// Descriptors in one compute type. The any_ ones leave the layout to oneDNN.
struct Descs {
  memory::desc x, w, any_w, y, bias;
  memory::dims strides, before, after;
  Descs(const Conv2dShape& g, memory::data_type type)
      : x({g.N, g.I, g.H, g.W}, type, memory::format_tag::nhwc),
        w({g.O, g.I, g.KH, g.KW}, type, memory::format_tag::oihw),
        any_w({g.O, g.I, g.KH, g.KW}, type, memory::format_tag::any),
        y({g.N, g.O, g.height, g.width}, type, memory::format_tag::nhwc),
        bias({g.O}, type, memory::format_tag::x),
        strides{g.stride, g.stride},
        before{g.top, g.left},
        after{g.bottom, g.right} {}
};

constexpr auto kDirect = dnnl::algorithm::convolution_direct;

// How a residual joins: as an operand of the primitive, or lying in y already.
enum class Residual { kNone, kOperand, kInPlace };

dnnl::convolution_forward::primitive_desc forward_desc(const Descs& d, bool bias, Residual residual,
                                                       bool training) {
  const auto kind = training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  dnnl::primitive_attr attributes = base_attributes();
  dnnl::post_ops post;
  if (residual == Residual::kOperand) post.append_binary(dnnl::algorithm::binary_add, d.y);
  if (residual == Residual::kInPlace) post.append_sum();
  attributes.set_post_ops(post);
  const dnnl::convolution_forward::desc desc =
      bias ? dnnl::convolution_forward::desc(kind, kDirect, d.x, d.any_w, d.bias, d.y, d.strides, d.before,
                                             d.after)
           : dnnl::convolution_forward::desc(kind, kDirect, d.x, d.any_w, d.y, d.strides, d.before, d.after);
  return {desc, attributes, onednn_engine(), true};
}

template <typename Pd>
bool usable(const Pd& pd, bool insist) {
  return pd && (insist || !is_slow(pd.impl_info_str()));
}

// The forward convolution that an input gradient is, with the reversed kernel, for stride 1.
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
          1,
          g.KH - 1 - g.top,
          g.KW - 1 - g.left,
          g.KH - 1 - g.bottom,
          g.KW - 1 - g.right};
}

struct Operands {
  Sequence steps;
  const Instruction& i;
  bool convert;
  Run afterwards;
  Place input(const Tensor& t) { return convert ? as_float(i, t, steps) : Place{t.data, {}}; }
  Place output(const Tensor& t) { return convert ? float_output(i, t, &afterwards) : Place{t.data, {}}; }
  Run finish() {
    if (afterwards) steps.add(afterwards);
    return std::move(steps).finish();
  }
};

Run forward_winograd(const Instruction& i, const Conv2dShape& g, const Tensor* bias, const Tensor* residual,
                     const memory::desc& plain, const memory::desc& packed) {
  const auto [w, layout] = weights_as_they_lie(i, {i.in(1), plain, packed, false});
  const auto data = [](const Tensor* t) { return t ? t->data : nullptr; };
  return winograd(i, {g, layout, false, w, i.in(0).data, i.out(0).data, data(bias), data(residual)});
}

// Null where it is not possible.
Run direct_bf16(const Instruction& i, const Conv2dShape& g, bool reversed, const Tensor* bias,
                const Tensor* residual) {
  const bool wide = i.in(1).dtype == EASEL_F32;
  i.require(!wide || direct_possible(g), "operands need one dtype here");
  if (!direct_possible(g)) return nullptr;
  const int64_t O = reversed ? g.I : g.O, I = reversed ? g.O : g.I;
  const memory::desc plain({O, I, g.KH, g.KW}, memory::data_type::bf16, memory::format_tag::oihw);
  Sequence steps;
  const Tensor& w = i.in(1);
  const Weights packed{w, plain, direct_weights(O, I, g.KH, g.KW), false};
  const bool plain_now = wide || !w.frozen;
  const Place place = plain_now ? Place{w.data, {}} : packed_weights(i, packed, steps);
  const auto data = [](const Tensor* t) { return t ? t->data : nullptr; };
  steps.add(direct(
      i, {g, reversed, plain_now, wide, place, i.in(0).data, i.out(0).data, data(bias), data(residual)}));
  return std::move(steps).finish();
}

Run forward(const Instruction& i, const Conv2dShape& g, const Tensor* bias, const Tensor* residual,
            memory::data_type type, bool convert, bool insist) {
  const Descs d(g, type);
  auto pd = forward_desc(d, bias != nullptr, Residual::kNone, false);
  if (!usable(pd, insist)) return nullptr;
  if (type == memory::data_type::f32 && winograd_pays(g))
    return forward_winograd(i, g, bias, residual, d.w, pd.weights_desc());
  if (type == memory::data_type::bf16)
    if (Run run = direct_bf16(i, g, false, bias, residual)) return run;
  // oneDNN 2.6's tiles take what lies beside a picture for its border where the kernel is 1x1.
  if (type == memory::data_type::bf16 && g.taps() == 1 && g.padded() && strstr(pd.impl_info_str(), "amx"))
    return nullptr;
  Residual joins = Residual::kNone;
  if (residual) {  // the first way that keeps the implementation; with AVX-512 an operand would lose a
                   // quarter of the speed
    for (const Residual way : {Residual::kOperand, Residual::kInPlace}) {
      if (way == Residual::kInPlace && convert) break;
      const auto with = forward_desc(d, bias != nullptr, way, false);
      if (!with || strcmp(with.impl_info_str(), pd.impl_info_str())) continue;
      pd = with;
      joins = way;
      break;
    }
  }
  Operands o{{}, i, convert, {}};
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

// dx as the convolution of dy with the reversed kernel, for stride 1. By Winograd where that pays. Else
// oneDNN's forward batch-reduce GEMM reaches the arithmetic's peak, its backward loops 70-80 % of it: for
// trainable weights that pays on large pictures only; frozen ones would be kept a second time for the
// backward loops. Null where it is no gain.
Run backward_input_reversed(const Instruction& i, const Conv2dShape& g, memory::data_type type, bool convert,
                            const char* usual) {
  const Tensor& w = i.in(1);
  if (g.stride != 1) return nullptr;
  const Conv2dShape r = turned(g);
  if (r.top < 0 || r.left < 0 || r.bottom < 0 || r.right < 0) return nullptr;
  if (type == memory::data_type::bf16)
    if (Run run = direct_bf16(i, r, true, nullptr, nullptr)) return run;
  if (type == memory::data_type::f32 && winograd_pays(r)) {
    const memory::desc plain({g.O, g.I, 3, 3}, type, memory::format_tag::oihw);
    const auto [from, layout] = weights_as_they_lie(i, {w, plain, plain, false});
    return winograd(i, {r, layout, true, from, i.in(0).data, i.out(0).data});
  }
  if ((!w.frozen && g.N * g.H * g.W < 1024) || strstr(usual, "brg")) return nullptr;
  const Descs d(r, type);
  const auto pd = forward_desc(d, false, Residual::kNone, false);
  if (!pd || !strstr(pd.impl_info_str(), "brg")) return nullptr;
  Operands o{{}, i, convert, {}};
  Call call(i, dnnl::convolution_forward(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_SRC, d.x, o.input(i.in(0)));
  call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(), reversed_weights(i, w, pd.weights_desc(), o.steps));
  call.add(DNNL_ARG_DST, d.y, o.output(i.out(0)));
  o.steps.add(std::move(call));
  return o.finish();
}

Run backward_input(const Instruction& i, const Conv2dShape& g, memory::data_type type, bool convert,
                   bool insist) {
  const Descs d(g, type);
  const auto hint = forward_desc(d, false, Residual::kNone, true);
  if (!hint) return nullptr;
  const dnnl::convolution_backward_data::desc desc(kDirect, d.x, d.any_w, d.y, d.strides, d.before, d.after);
  const dnnl::convolution_backward_data::primitive_desc pd(desc, base_attributes(), onednn_engine(), hint,
                                                           true);
  if (Run reversed = backward_input_reversed(i, g, type, convert, pd ? pd.impl_info_str() : ""))
    return reversed;
  if (!usable(pd, insist)) return nullptr;
  Operands o{{}, i, convert, {}};
  Call call(i, dnnl::convolution_backward_data(pd), pd.scratchpad_desc());
  call.add(DNNL_ARG_DIFF_DST, d.y, o.input(i.in(0)));
  call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(),
           packed_weights(i, {i.in(1), d.w, pd.weights_desc(), convert}, o.steps));
  call.add(DNNL_ARG_DIFF_SRC, d.x, o.output(i.out(0)));
  o.steps.add(std::move(call));
  return o.finish();
}

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
  Operands o{{}, i, convert, {}};
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

// In the operands' own type if oneDNN is fast in it, else in f32.
template <typename F>
Run in_best_type(const Instruction& i, int32_t dtype, const F& build) {
  Run run;
  if (dtype == EASEL_BF16) run = build(memory::data_type::bf16, false, false);
  if (!run) run = build(memory::data_type::f32, dtype != EASEL_F32, true);
  if (!run) i.fail("oneDNN has no implementation");
  return run;
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
