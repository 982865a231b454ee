// conv2d on channels-last pictures and its two gradients. Weights keep the files' layout (O, I, KH, KW):
// frozen ones are packed once to (O, KH, KW, I), which forward and input gradient share, others into scratch
// in each run. A 1x1 kernel without padding and stride is a plain matrix product.
#include "../../executor/shapes/product/conv2d.h"

#include "../../executor/shapes/product/addends.h"
#include "../arrays/packs.h"
#include "../hopper/ways.h"
#include "../product/product_plan.h"
#include "../product/tile_trials.h"
#include "../vendor/cudnn/dnn_ways.h"

namespace easel {
namespace {

// Within what the kernels' 32-bit indices reach.
Conv2dShape geometry(const Instruction& i, const Tensor& x, const Tensor& w, const Tensor& y) {
  const Conv2dShape g = conv2d_shape(i, x, w, y);
  constexpr int64_t kMost = 1 << 20;
  for (const int64_t side : {g.H, g.W, g.KH, g.KW, g.height, g.width})
    i.require(side < kMost, "a side is over a million");
  i.require(g.N * std::max(g.H * g.W, g.height * g.width) < int64_t(1) << 31 &&
                g.taps() * std::max(g.I, g.O) < int64_t(1) << 31,
            "it is too large");
  return g;
}

Window window(const Conv2dShape& g, bool gradient) {
  Window w;
  w.height = int32_t(gradient ? g.height : g.H), w.width = int32_t(gradient ? g.width : g.W);
  w.channels = int32_t(gradient ? g.O : g.I);
  w.stride = int32_t(g.stride), w.top = int32_t(g.top), w.left = int32_t(g.left), w.taps = int32_t(g.taps());
  w.to_height = FastDiv(gradient ? g.H : g.height);
  w.to_width = FastDiv(gradient ? g.W : g.width);
  w.by_channels = FastDiv(w.channels);
  w.kernel_width = FastDiv(g.KW);
  w.by_stride = FastDiv(g.stride);
  return w;
}

bool whole_chunks(const Address& at, int64_t channels, int32_t dtype) {
  return at.aligned() && channels % (16 / dtype_bytes(dtype)) == 0;
}

// Whether tiles of K lie within one tap each and a word holds a bit for each tap (conv_source.cuh).
bool whole_taps(const Conv2dShape& g, int64_t channels, int32_t dtype) {
  return channels % (64 / dtype_bytes(dtype)) == 0 && g.taps() <= 32;
}

// The weights as (O, KH, KW, I); what has to run first joins `runs`.
Address packed_weights(const Instruction& i, const Tensor& w, const Conv2dShape& g, std::vector<Run>& runs) {
  if (g.taps() == 1) return w.data;
  const auto pack = [&](const auto& to) {
    return launch(i, kernel_name("pack_weights", w.dtype), {.grid = blocks(i, g.O * g.I)}, to, w.data, g.O,
                  g.I, g.taps());
  };
  if (w.frozen) return packed(i, w, "ohwi", size_t(w.bytes()), [&](char* to) { return pack(to); });
  const Scratch to = i.scratch(size_t(w.bytes()));
  runs.push_back(pack(to));
  return to;
}

DnnConvolution described(DnnConvolution::Way way, const Conv2dShape& g, int32_t dtype, const Places& at) {
  return {g, way, dnn_type(dtype), at[kConvBias].present(), at[kConvResidual].present()};
}

// The part that forward and input gradient share: pixels times weights, K cut where that pays.
Run windows_times_weights(const Instruction& i, const Conv2dShape& g, bool gradient, const Tensor& from,
                          const Tensor& w, const Tensor& to, const Address& bias, const Address& residual) {
  std::vector<Run> runs;
  const Address weights = packed_weights(i, w, g, runs);
  const int64_t M = gradient ? g.N * g.H * g.W : g.N * g.height * g.width, N = gradient ? g.I : g.O;
  const int64_t K = g.taps() * (gradient ? g.O : g.I);
  const bool vector_a = whole_chunks(from.data, from.last(), from.dtype);
  const bool vector_b = whole_chunks(weights, gradient ? g.I : K, w.dtype);
  const bool large = vector_a && vector_b && whole_taps(g, from.last(), to.dtype);
  const bool vector_y = whole_chunks(to.data, N, to.dtype) && bias.aligned() && residual.aligned();
  const int32_t dtype = to.dtype;
  const Window g_from = window(g, gradient);
  const auto run = [&](const Tiling& t, const Places& at, const Address& parts) {
    Product p = product_of(t, M, N, K);
    p.ldb = K;
    p.vector_a = vector_a, p.vector_b = vector_b, p.vector_y = vector_y;
    const std::string name =
        kernel_name(((gradient ? "conv2d_backward_input_" : "conv2d_") + std::string(t.name)).c_str(), dtype);
    const Address &from = at[gradient ? kConvY : kConvX], &to = at[gradient ? kConvX : kConvY],
                  &weights = at[kConvW], &bias = at[kConvBias], &residual = at[kConvResidual];
    const Shape shape = product_shape(t, 1);
    const Address cut = t.splits == 1 ? Address() : parts;
    if (gradient) return launch(i, name, shape, to, from, weights, cut, tickets(i, t), p, g_from);
    return launch(i, name, shape, to, from, weights, bias, residual, cut, tickets(i, t), p, g_from);
  };
  const Places at = gradient ? Places{to.data, weights, from.data, bias, residual}
                             : Places{from.data, weights, to.data, bias, residual};
  const auto way = gradient ? DnnConvolution::kBackwardInput : DnnConvolution::kForward;
  const Tiled tiled{
      [&](const Tiling& t) { return t.splits == 1 ? 0 : size_t(t.splits * M * N) * sizeof(float); }, run};
  const Tiling t =
      tried_tiling(i, tilings(i, dtype, M, N, K, 1, large ? Tiles::kAll : Tiles::kAny, 16), tiled,
                   [&] { return convolution_question(described(way, g, dtype, at), dtype, at, {}, 0); });
  size_t part_bytes = tiled.part_bytes(t);
  OwnWay own = [&](const Places& at, const Address& parts) { return run(t, at, parts); };
  hopper_convolution(i, way, g, dtype, at, own, part_bytes);
  Run theirs = vendor_convolution(i, way, g, dtype, at, own, part_bytes);
  runs.push_back(theirs ? theirs : own(at, part_bytes ? Address(i.scratch(part_bytes)) : Address()));
  return sequence(std::move(runs));
}

// dw is a product of 1x1 kernels.
ProductPlan weight_product(const Conv2dShape& g, const Tensor& dy, const Tensor& x) {
  ProductPlan p;
  p.dtype = x.dtype;
  p.trans_a = true;
  p.M = g.O, p.N = g.I, p.K = g.N * g.height * g.width;
  p.lda = g.O, p.ldb = p.ldy = g.I;
  p.a = dy.data, p.b = x.data;
  return p;
}

Run weight_gradient(const Instruction& i, const Conv2dShape& g, const Tensor& dy, const Tensor& x,
                    const Address& dw) {
  const int64_t pixels = g.N * g.height * g.width;
  const int64_t M = g.O, N = g.taps() * g.I;
  const bool vector_a = whole_chunks(dy.data, g.O, x.dtype), vector_b = whole_chunks(x.data, g.I, x.dtype);
  const auto run = [&](const Tiling& t, const Places& at, const Address& parts) {
    Product p = product_of(t, M, N, pixels);
    p.lda = g.O;
    p.vector_a = vector_a, p.vector_b = vector_b;
    return sequence(
        {launch(i, kernel_name(("conv2d_backward_weight_" + std::string(t.name)).c_str(), x.dtype),
                product_shape(t, 1), parts, at[kConvY], at[kConvX], p, window(g, false)),
         launch(i, kernel_name("unpack_weights", x.dtype), {.grid = blocks(i, g.O * g.I)}, at[kConvW], parts,
                t.splits, g.O, g.I, g.taps())});
  };
  const Places at{x.data, dw, dy.data, Address(), Address()};
  constexpr auto way = DnnConvolution::kBackwardWeight;
  const Tiled tiled{[&](const Tiling& t) { return size_t(t.splits * M * N) * sizeof(float); }, run};
  const Tiling t = tried_tiling(
      i, tilings(i, x.dtype, M, N, pixels, 1, vector_a && vector_b ? Tiles::kUpTo128 : Tiles::kAny, 32),
      tiled, [&] { return convolution_question(described(way, g, x.dtype, at), x.dtype, at, {}, 0); });
  const OwnWay own = [&](const Places& at, const Address& parts) { return run(t, at, parts); };
  Run theirs = vendor_convolution(i, way, g, x.dtype, at, own, tiled.part_bytes(t));
  return theirs ? theirs : own(at, i.scratch(tiled.part_bytes(t)));
}

}  // namespace

Run prepare_conv2d(const Instruction& i) {
  const Addends added = addends(i, ATTR_CONV2D_HAS_BIAS, ATTR_CONV2D_HAS_RESIDUAL);
  const Tensor &x = i.in(0), &w = i.in(1), &y = i.out(0);
  const Conv2dShape g = geometry(i, x, w, y);
  Address bias, residual;
  if (added.bias) bias = added.bias->data;
  if (added.residual) residual = added.residual->data;
  if (!g.is_product()) return windows_times_weights(i, g, false, x, w, y, bias, residual);
  ProductPlan p;
  p.dtype = x.dtype;
  p.trans_b = true;
  p.M = g.N * g.H * g.W, p.N = g.O, p.K = g.I;
  p.lda = p.ldb = g.I, p.ldy = g.O;
  p.a = x.data, p.b = w.data, p.y = y.data;
  p.bias = bias, p.residual = residual;
  return prepare_product(i, p);
}

// conv2dBackwardInput(dy, w; geometry, height, width) -> dx (N, height, width, I)
Run prepare_conv2d_backward_input(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dx = i.out(0), &dy = i.in(0), &w = i.in(1);
  const Conv2dShape g = geometry(i, dx, w, dy);
  if (!g.is_product()) return windows_times_weights(i, g, true, dy, w, dx, Address(), Address());
  ProductPlan p;
  p.dtype = dx.dtype;
  p.M = g.N * g.H * g.W, p.N = g.I, p.K = g.O;
  p.lda = g.O, p.ldb = p.ldy = g.I;
  p.a = dy.data, p.b = w.data, p.y = dx.data;
  return prepare_product(i, p);
}

// conv2dBackwardWeight(dy, x; geometry, kernelHeight, kernelWidth) -> dw (O, I, KH, KW)
Run prepare_conv2d_backward_weight(const Instruction& i) {
  i.require_counts(1, 2);
  const Tensor &dw = i.out(0), &dy = i.in(0), &x = i.in(1);
  const Conv2dShape g = geometry(i, x, dw, dy);
  if (!g.is_product()) return weight_gradient(i, g, dy, x, dw.data);
  ProductPlan p = weight_product(g, dy, x);
  p.y = dw.data;
  return prepare_product(i, p);
}

// conv2dAccumulate(target f32, dy, x; geometry, kernelHeight, kernelWidth, fresh)
Run prepare_conv2d_accumulate(const Instruction& i) {
  const auto [target, dy, x] = conv2d_accumulate_operands(i);
  const Conv2dShape g = geometry(i, x, target, dy);
  if (g.is_product()) {
    ProductPlan p = weight_product(g, dy, x);
    p.sums = target.data;
    p.add = p.split_sums = true;
    return freshly(i, ATTR_CONV2D_ACCUMULATE_FRESH, i.in(0), prepare_product(i, p));
  }
  const Address dw(i.scratch(size_t(target.count() * dtype_bytes(x.dtype))));
  return freshly(i, ATTR_CONV2D_ACCUMULATE_FRESH, i.in(0),
                 sequence({weight_gradient(i, g, dy, x, dw),
                           launch(i, kernel_name("accumulate", x.dtype), {.grid = pack_blocks(i, target)},
                                  target.data, dw, target.count())}));
}

}  // namespace easel
