// What conv2d and its gradients share: oneDNN's primitives, the types they compute in, and the convolutions
// by tiles and vectors of our own that are tried first.
#pragma once
#include <utility>

#include "../../executor/shapes/product/conv2d.h"
#include "../onednn.h"
#include "direct/direct.h"

namespace easel {
inline namespace EASEL_ISA {
namespace conv2d_detail {

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

inline constexpr auto kDirect = dnnl::algorithm::convolution_direct;

// How a residual joins: as an operand of the primitive, or lying in y already.
enum class Residual { kNone, kOperand, kInPlace };

inline dnnl::convolution_forward::primitive_desc forward_desc(const Descs& d, bool bias, Residual residual,
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

// Operands of a primitive that may compute in another type.
struct ConvertedOperands {
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

// Null where it is not possible.
inline Run direct_bf16(const Instruction& i, const Conv2dShape& g, bool reversed, const Tensor* bias,
                       const Tensor* residual) {
  const bool wide = i.in(1).dtype == EASEL_F32;
  i.require(!wide || direct_possible(g, reversed), "operands need one dtype here");
  if (!direct_possible(g, reversed)) return nullptr;
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

// In the operands' own type if oneDNN is fast in it, else in f32.
template <typename F>
Run in_best_type(const Instruction& i, int32_t dtype, const F& build) {
  Run run;
  if (dtype == EASEL_BF16) run = build(memory::data_type::bf16, false, false);
  if (!run) run = build(memory::data_type::f32, dtype != EASEL_F32, true);
  if (!run) i.fail("oneDNN has no implementation");
  return run;
}

}  // namespace conv2d_detail
}  // namespace EASEL_ISA
}  // namespace easel
