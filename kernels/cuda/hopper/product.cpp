// Products on Hopper.
#include <algorithm>

#include "../vendor/cublaslt/lt_product.h"
#include "blocks.h"

namespace easel {
namespace {

class HopperProduct : public BlockWays {
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
  HopperProduct(const Instruction& i, const ProductPlan& s) : BlockWays(i.device()) {
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
      p = product_on(i, kHopperWidths[which], s.M, s.N, s.K, s.batch,
                     s.dense() && !s.room_bytes && (s.split_sums || !s.sums.present()));
      p.ldy = s.ldy, p.y_outer = s.y_outer, p.add = s.add;
      p.vector_y =
          s.y.aligned() && s.ldy % 8 == 0 && s.y_outer % 8 == 0 && s.bias.aligned() && s.residual.aligned();
      const std::string name = "hopper_matmul_" + std::string(s.trans_a ? "t" : "n") +
                               (s.trans_b ? "t" : "n") + "_" + std::to_string(kHopperWidths[which]);
      const char* at = nullptr;
      functions_[which] = find(i, kernel_name(name.c_str(), s.dtype), shape_of(p), at, at, at, at, at, at,
                               TensorMap(), TensorMap(), p);
    }
  }
  void run(int which, const Places& at, const Address& workspace) const override {
    const auto [parts, tickets] = parts_of(products_[which], workspace);
    MapSpec b = b_;
    if (b_along_) b.box[1] = uint32_t(kHopperWidths[which]);
    const TensorMap map_a = encode(device_, a_, at[kLtA].get()), map_b = encode(device_, b, at[kLtB].get());
    char *const result = at[kLtResult].get(), *const none = nullptr;
    enqueue_way(functions_[which], shape_of(products_[which]), sums_ ? none : result, at[kLtBias].get(),
                at[kLtResidual].get(), sums_ ? result : none, parts, tickets, map_a, map_b, products_[which]);
  }

 private:
  MapSpec a_, b_;
  bool b_along_, sums_;
};

}  // namespace

void hopper_product(const Instruction& i, const ProductPlan& s, OwnProduct& own, size_t& part_bytes) {
  if (i.device().hopper == Hopper::kOff || !HopperProduct::expresses(s)) return;
  const Chosen way = hopper_way(i, product_question(i, s, own, part_bytes),
                                [&] { return std::make_shared<HopperProduct>(i, first_of(s)); });
  if (!way.ways) return;
  part_bytes = way.ways->workspace(way.which);
  own = [way, &i](const ProductPlan& s, const Address& parts) {
    return by_other_way(i, s, way, places_of(s), parts);
  };
}

}  // namespace easel
