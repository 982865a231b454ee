// Convolutions and their input gradients on Hopper.
#include <algorithm>

#include "../vendor/cudnn/dnn_ways.h"
#include "blocks.h"

namespace easel {
namespace {

class HopperConvolution : public BlockWays {
 public:
  static bool expresses(const DnnConvolution& c, int32_t dtype, const Places& at) {
    const bool gradient = c.way == DnnConvolution::kBackwardInput;
    const int64_t channels = gradient ? c.O : c.I;
    return dtype != EASEL_F32 && c.way != DnnConvolution::kBackwardWeight && channels % kHopperDepth == 0 &&
           c.I % 8 == 0 && c.stride <= (gradient ? 1 : 8) && at[gradient ? kConvY : kConvX].aligned() &&
           at[kConvW].aligned() && std::max({c.KH, c.KW, c.top, c.left, c.bottom, c.right}) < 100;
  }
  HopperConvolution(const Instruction& i, const DnnConvolution& c, int32_t dtype, const Places& at)
      : BlockWays(i.device()), gradient_(c.way == DnnConvolution::kBackwardInput) {
    const int64_t H = gradient_ ? c.height : c.H, W = gradient_ ? c.width : c.W, C = gradient_ ? c.O : c.I;
    const int64_t to_H = gradient_ ? c.H : c.height, to_W = gradient_ ? c.W : c.width;
    window_.stride = int32_t(c.stride);
    window_.top = int32_t(gradient_ ? c.KH - 1 - c.top : c.top);
    window_.left = int32_t(gradient_ ? c.KW - 1 - c.left : c.left);
    window_.taps = int32_t(c.taps());
    window_.to_height = FastDiv(to_H), window_.to_width = FastDiv(to_W);
    window_.by_channels = FastDiv(C), window_.kernel_width = FastDiv(c.KW);
    // Windows begin at every stride-th pixel from the lower corner to the last pixel plus the upper one.
    const auto upper = [&](int64_t first, int64_t count, int64_t side) {
      return int((count - 1) * c.stride - first - (side - 1));
    };
    pixels_ = {dtype,
               {uint64_t(C), uint64_t(W), uint64_t(H), uint64_t(c.N)},
               {uint64_t(C), uint64_t(W * C), uint64_t(H * W * C)},
               {},
               {-window_.left, -window_.top},
               {upper(window_.left, to_W, W), upper(window_.top, to_H, H)},
               uint32_t(c.stride)};
    const uint64_t I = uint64_t(c.I), O = uint64_t(c.O), taps = uint64_t(c.taps());
    weights_ =
        gradient_
            ? MapSpec{dtype, {I, taps, O}, {I, taps * I}, {64, 1, uint32_t(kHopperDepth)}, {}, {}}
            : MapSpec{dtype, {taps * I, O, 1}, {taps * I, taps * I * O}, {uint32_t(kHopperDepth), 0, 1}, {},
                      {}};
    for (int which = 0; which < 2; ++which) {
      Product& p = products_[which];
      const int64_t N = gradient_ ? c.I : c.O;
      p = product_on(i, kHopperWidths[which], c.N * to_H * to_W, N, c.taps() * C, 1, true);
      p.vector_y = at[gradient_ ? kConvX : kConvY].aligned() && N % 8 == 0 && at[kConvBias].aligned() &&
                   at[kConvResidual].aligned();
      const std::string name = kernel_name(((gradient_ ? "hopper_conv2d_backward_input_" : "hopper_conv2d_") +
                                            std::to_string(kHopperWidths[which]))
                                               .c_str(),
                                           dtype);
      const char* at = nullptr;
      functions_[which] =
          gradient_ ? find(i, name, shape_of(p), at, at, at, TensorMap(), TensorMap(), p, window_)
                    : find(i, name, shape_of(p), at, at, at, at, at, TensorMap(), TensorMap(), p, window_);
    }
  }
  void run(int which, const Places& at, const Address& workspace) const override {
    const auto [parts, tickets] = parts_of(products_[which], workspace);
    MapSpec weights = weights_;
    if (!gradient_) weights.box[1] = uint32_t(kHopperWidths[which]);
    const TensorMap map_a = encode(device_, pixels_, at[gradient_ ? kConvY : kConvX].get()),
                    map_b = encode(device_, weights, at[kConvW].get());
    const Product& p = products_[which];
    if (gradient_)
      enqueue_way(functions_[which], shape_of(p), at[kConvX].get(), parts, tickets, map_a, map_b, p, window_);
    else
      enqueue_way(functions_[which], shape_of(p), at[kConvY].get(), at[kConvBias].get(),
                  at[kConvResidual].get(), parts, tickets, map_a, map_b, p, window_);
  }

 private:
  bool gradient_;
  MapSpec pixels_, weights_;
  HopperWindow window_;
};

}  // namespace

void hopper_convolution(const Instruction& i, DnnConvolution::Way direction, const Conv2dShape& shape,
                        int32_t dtype, const Places& at, OwnWay& own, size_t& part_bytes) {
  const DnnConvolution c{shape, direction, dnn_type(dtype), at[kConvBias].present(),
                         at[kConvResidual].present()};
  if (i.device().hopper == Hopper::kOff || !HopperConvolution::expresses(c, dtype, at)) return;
  const Chosen way = hopper_way(i, convolution_question(c, dtype, at, own, part_bytes),
                                [&] { return std::make_shared<HopperConvolution>(i, c, dtype, at); });
  if (!way.ways) return;
  part_bytes = way.ways->workspace(way.which);
  own = [way](const Places& at, const Address& parts) -> Run {
    return [way, at, parts] { way.ways->run(way.which, at, parts); };
  };
}

}  // namespace easel
