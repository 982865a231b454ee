#include "hopper_ways.h"

#include <algorithm>
#include <cmath>

#include "device.h"
#include "hopper.h"
#include "vendor/dnn_ways.h"
#include "vendor/lt_product.h"

namespace easel {
namespace {

constexpr int kWidths[] = {256, 128};  // of blocks

// A tensor of 16-bit values as the copying unit reads it; axes innermost first, steps in elements.
struct MapSpec {
  int32_t dtype;
  std::vector<uint64_t> sides, steps;  // steps: of all axes but the first
  std::vector<uint32_t> box;           // of tiles
  std::vector<int> lower, upper;       // of pixels: corners of where windows begin, columns first
  uint32_t stride = 1;                 // of pixels
};

TensorMap encode(Device& device, const MapSpec& s, const char* data) {
  constexpr int kF16 = 6, kBf16 = 9, kSwizzle128 = 3, kPromote128 = 2;
  const int type = s.dtype == EASEL_F16 ? kF16 : kBf16;
  const CUdeviceptr at = reinterpret_cast<CUdeviceptr>(data);
  const uint32_t rank = uint32_t(s.sides.size());
  std::vector<uint64_t> bytes;
  for (const uint64_t step : s.steps) bytes.push_back(step * 2);
  std::vector<uint32_t> strides(rank, 1);
  TensorMap map;
  if (s.lower.empty())
    device.check(device.driver.map_tiled(&map, type, rank, at, s.sides.data(), bytes.data(), s.box.data(),
                                         strides.data(), 0, kSwizzle128, kPromote128, 0),
                 "cuTensorMapEncodeTiled");
  else {
    strides[1] = strides[2] = s.stride;
    device.check(device.driver.map_pixels(&map, type, rank, at, s.sides.data(), bytes.data(), s.lower.data(),
                                          s.upper.data(), uint32_t(kHopperDepth), uint32_t(kHopperRows),
                                          strides.data(), 0, kSwizzle128, kPromote128, 0),
                 "cuTensorMapEncodeIm2col");
  }
  return map;
}

// Clocks that a product would take, roughly: 70% of 2048 multiply-adds in each, as many to fill the pipeline
// and to write as 192 of K; parts of K as in product_plan.cpp.
double estimate(const Product& p, int width, int64_t splits, int multiprocessors) {
  const double blocks = double(p.tiles_m) * p.tiles_n * p.batch * double(splits);
  const double work = kHopperRows * width * (double(p.K) / double(splits) + 192) / 1434;
  const double parts = splits == 1 ? 0 : 1500 + 4.0 * kHopperRows * width * double(splits + 1) / 32;
  return std::ceil(blocks / multiprocessors) * work + parts;
}

// dense: K may be cut in parts.
Product product_on(const Instruction& i, int width, int64_t M, int64_t N, int64_t K, int64_t batch,
                   bool dense) {
  Product p{};
  p.M = M, p.N = N, p.K = K, p.ldy = N;
  p.batch = int32_t(batch), p.inner_count = 1;
  p.tiles_m = int32_t((M + kHopperRows - 1) / kHopperRows);
  p.tiles_n = int32_t((N + width - 1) / width);
  const int multiprocessors = gpu(i).multiprocessors;
  int64_t best = 1;
  for (int64_t splits = 2; dense && splits <= 16 && K / splits >= 4 * kHopperDepth; splits *= 2)
    if (batch * splits < 65536 &&
        estimate(p, width, splits, multiprocessors) < estimate(p, width, best, multiprocessors))
      best = splits;
  const int64_t steps = (K + kHopperDepth - 1) / kHopperDepth, each = (steps + best - 1) / best;
  p.splits = int32_t((steps + each - 1) / each), p.split_k = int32_t(each * kHopperDepth);
  return p;
}
Shape shape_of(const Product& p) {
  return {.grid = {.x = int64_t(p.tiles_m) * p.tiles_n, .z = int64_t(p.batch) * p.splits},
          .threads = kHopperThreads,
          .shared = size_t(kHopperShared)};
}

// Two ways, one for each width of blocks.
class HopperWays : public TheirWays {
 public:
  explicit HopperWays(Device& device) : device_(device), multiprocessors_(device.gpu.multiprocessors) {}
  int count() const override { return 2; }
  int id(int which) const override { return kWidths[which]; }
  // Parts of K, then a counter for each tile.
  size_t workspace(int which) const override {
    const Product& p = products_[which];
    return p.splits == 1 ? 0 : part_bytes(p) + ticket_bytes(p);
  }
  double time(int which) const {
    return estimate(products_[which], kWidths[which], products_[which].splits, multiprocessors_);
  }

 protected:
  static size_t part_bytes(const Product& p) {
    return size_t(p.splits * p.batch * p.M * p.N) * sizeof(float);
  }
  static size_t ticket_bytes(const Product& p) {
    return size_t(p.tiles_m) * size_t(p.tiles_n) * size_t(p.batch) * sizeof(unsigned);
  }
  // Where the parts go and, set to 0, the counters.
  std::pair<char*, char*> parts_of(const Product& p, const Address& workspace) const {
    if (p.splits == 1) return {nullptr, nullptr};
    char *const parts = workspace.get(), *const tickets = parts + part_bytes(p);
    device_.check(
        device_.driver.set_bytes(reinterpret_cast<CUdeviceptr>(tickets), 0, ticket_bytes(p), device_.stream),
        "cuMemsetD8Async");
    return {parts, tickets};
  }
  template <typename... A>
  const Function* find(const Instruction& i, const std::string& name, const Product& p, const A&...) const {
    constexpr uint32_t sizes[] = {uint32_t(sizeof(A))...};
    return find_function(i, name, shape_of(p), sizes, int(sizeof...(A)));
  }
  template <typename... A>
  void enqueue_way(const Function* function, const Product& p, A... arguments) const {
    void* pointers[] = {static_cast<void*>(&arguments)...};
    enqueue(device_, function, shape_of(p), pointers);
  }
  Device& device_;
  int multiprocessors_;
  Product products_[2];
  const Function* functions_[2];
};

class HopperProduct : public HopperWays {
 public:
  static bool expresses(const ProductPlan& s) {
    const auto whole = [](const Address& at, int64_t ld, int64_t outer) {
      return at.aligned() && ld % 8 == 0 && outer % 8 == 0;
    };
    return s.dtype != EASEL_F32 && !(s.trans_a && s.trans_b) && s.inner == 1 && s.batch < 65536 &&
           std::min({s.M, s.N, s.K}) >= 32 && std::max({s.M, s.N, s.K}) < (int64_t(1) << 31) - 256 &&
           whole(s.a, s.lda, s.a_outer) && whole(s.b, s.ldb, s.b_outer) &&
           (s.batch == 1 || (s.a_outer && s.b_outer));
  }
  HopperProduct(const Instruction& i, const ProductPlan& s) : HopperWays(i.device()) {
    const uint64_t M = uint64_t(s.M), N = uint64_t(s.N), K = uint64_t(s.K), batch = uint64_t(s.batch);
    const auto steps = [&](int64_t ld, int64_t outer, int64_t rows) {
      return std::vector<uint64_t>{uint64_t(ld), uint64_t(batch > 1 ? outer : ld * rows)};
    };
    const uint32_t rows = kHopperRows, depth = kHopperDepth;
    a_ = s.trans_a ? MapSpec{s.dtype, {M, K, batch}, steps(s.lda, s.a_outer, s.K), {64, depth, 1}, {}, {}}
                   : MapSpec{s.dtype, {K, M, batch}, steps(s.lda, s.a_outer, s.M), {depth, rows, 1}, {}, {}};
    b_ = s.trans_b ? MapSpec{s.dtype, {K, N, batch}, steps(s.ldb, s.b_outer, s.N), {depth, 0, 1}, {}, {}}
                   : MapSpec{s.dtype, {N, K, batch}, steps(s.ldb, s.b_outer, s.K), {64, depth, 1}, {}, {}};
    b_along_ = s.trans_b;
    sums_ = s.sums.present();
    for (int which = 0; which < 2; ++which) {
      Product& p = products_[which];
      p = product_on(i, kWidths[which], s.M, s.N, s.K, s.batch,
                     s.dense() && !s.room_bytes && (s.split_sums || !s.sums.present()));
      p.ldy = s.ldy, p.y_outer = s.y_outer, p.add = s.add;
      p.vector_y =
          s.y.aligned() && s.ldy % 8 == 0 && s.y_outer % 8 == 0 && s.bias.aligned() && s.residual.aligned();
      const std::string name = "hopper_matmul_" + std::string(s.trans_a ? "t" : "n") +
                               (s.trans_b ? "t" : "n") + "_" + std::to_string(kWidths[which]);
      const char* at = nullptr;
      functions_[which] =
          find(i, kernel_name(name.c_str(), s.dtype), p, at, at, at, at, at, at, TensorMap(), TensorMap(), p);
    }
  }
  void run(int which, const Places& at, const Address& workspace) const override {
    const auto [parts, tickets] = parts_of(products_[which], workspace);
    MapSpec b = b_;
    if (b_along_) b.box[1] = uint32_t(kWidths[which]);
    const TensorMap map_a = encode(device_, a_, at[kLtA].get()), map_b = encode(device_, b, at[kLtB].get());
    char *const result = at[kLtResult].get(), *const none = nullptr;
    enqueue_way(functions_[which], products_[which], sums_ ? none : result, at[kLtBias].get(),
                at[kLtResidual].get(), sums_ ? result : none, parts, tickets, map_a, map_b, products_[which]);
  }

 private:
  MapSpec a_, b_;
  bool b_along_, sums_;
};

class HopperConvolution : public HopperWays {
 public:
  static bool expresses(const DnnConvolution& c, int32_t dtype, const Places& at) {
    const bool gradient = c.way == DnnConvolution::kBackwardInput;
    const int64_t channels = gradient ? c.O : c.I;
    return dtype != EASEL_F32 && c.way != DnnConvolution::kBackwardWeight && channels % kHopperDepth == 0 &&
           c.I % 8 == 0 && c.stride <= (gradient ? 1 : 8) && at[gradient ? kConvY : kConvX].aligned() &&
           at[kConvW].aligned() && std::max({c.KH, c.KW, c.top, c.left, c.bottom, c.right}) < 100;
  }
  HopperConvolution(const Instruction& i, const DnnConvolution& c, int32_t dtype, const Places& at)
      : HopperWays(i.device()), gradient_(c.way == DnnConvolution::kBackwardInput) {
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
      p = product_on(i, kWidths[which], c.N * to_H * to_W, N, c.taps() * C, 1, true);
      p.vector_y = at[gradient_ ? kConvX : kConvY].aligned() && N % 8 == 0 && at[kConvBias].aligned() &&
                   at[kConvResidual].aligned();
      const std::string name = kernel_name(
          ((gradient_ ? "hopper_conv2d_backward_input_" : "hopper_conv2d_") + std::to_string(kWidths[which]))
              .c_str(),
          dtype);
      const char* at = nullptr;
      functions_[which] = gradient_
                              ? find(i, name, p, at, at, at, TensorMap(), TensorMap(), p, window_)
                              : find(i, name, p, at, at, at, at, at, TensorMap(), TensorMap(), p, window_);
    }
  }
  void run(int which, const Places& at, const Address& workspace) const override {
    const auto [parts, tickets] = parts_of(products_[which], workspace);
    MapSpec weights = weights_;
    if (!gradient_) weights.box[1] = uint32_t(kWidths[which]);
    const TensorMap map_a = encode(device_, pixels_, at[gradient_ ? kConvY : kConvX].get()),
                    map_b = encode(device_, weights, at[kConvW].get());
    const Product& p = products_[which];
    if (gradient_)
      enqueue_way(functions_[which], p, at[kConvX].get(), parts, tickets, map_a, map_b, p, window_);
    else
      enqueue_way(functions_[which], p, at[kConvY].get(), at[kConvBias].get(), at[kConvResidual].get(), parts,
                  tickets, map_a, map_b, p, window_);
  }

 private:
  bool gradient_;
  MapSpec pixels_, weights_;
  HopperWindow window_;
};

// The way to take, or none; without a trial by the estimate.
template <typename Ways, typename Make>
Chosen way_of(const Instruction& i, Question q, const Make& make) {
  if (i.device().hopper == Hopper::kAlways) {
    const std::shared_ptr<Ways> ways = make();
    return {ways, ways->time(0) <= ways->time(1) ? 0 : 1};
  }
  q.theirs = "hopper";
  q.ask = [&](int) { return make(); };
  return chosen_way(i, q);
}

}  // namespace

void hopper_product(const Instruction& i, const ProductPlan& s, OwnProduct& own, size_t& part_bytes) {
  if (i.device().hopper == Hopper::kOff || !HopperProduct::expresses(s)) return;
  const Chosen way = way_of<HopperProduct>(i, product_question(i, s, own, part_bytes),
                                           [&] { return std::make_shared<HopperProduct>(i, first_of(s)); });
  if (!way.ways) return;
  part_bytes = way.ways->workspace(way.which);
  own = [way, &i](const ProductPlan& s, const Address& parts) {
    return by_other_way(i, s, way, places_of(s), parts);
  };
}

void hopper_convolution(const Instruction& i, DnnConvolution::Way direction, const Conv2dShape& shape,
                        int32_t dtype, const Places& at, OwnWay& own, size_t& part_bytes) {
  const DnnConvolution c{shape, direction, dnn_type(dtype), at[kConvBias].present(),
                         at[kConvResidual].present()};
  if (i.device().hopper == Hopper::kOff || !HopperConvolution::expresses(c, dtype, at)) return;
  const Chosen way = way_of<HopperConvolution>(i, convolution_question(c, dtype, at, own, part_bytes), [&] {
    return std::make_shared<HopperConvolution>(i, c, dtype, at);
  });
  if (!way.ways) return;
  part_bytes = way.ways->workspace(way.which);
  own = [way](const Places& at, const Address& parts) -> Run {
    return [way, at, parts] { way.ways->run(way.which, at, parts); };
  };
}

}  // namespace easel
