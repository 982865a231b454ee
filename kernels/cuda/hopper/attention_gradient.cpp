// Attention's gradient on Hopper, for heads up to 80 wide: one way.
#include <algorithm>

#include "heads.h"

namespace easel {
namespace {

constexpr int kWidest = 80;

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to; }

// Few keys: the queries are cut until every multiprocessor has a block, four tiles or more a part.
int64_t parts_of(const Instruction& i, const AttentionPlan& p) {
  const int64_t blocks = round_up(p.heads.keys, kHopperRows) * p.stack();
  const int64_t wanted = gpu(i).multiprocessors / blocks, tiles = round_up(p.heads.queries, kHopperQueries);
  return std::max<int64_t>(std::min({wanted, tiles / 4, int64_t(16)}), 1);
}

class GradientWays : public HopperWays {
 public:
  GradientWays(const Instruction& i, const AttentionPlan& p)
      : HopperWays(i.device()), plan_(p), width_(compiled_width(p.heads.width)), parts_(parts_of(i, p)) {
    const char* at = nullptr;
    const HeadMaps m{};
    const auto name = [&](const char* stem) {
      return kernel_name((stem + std::to_string(width_)).c_str(), p.dtype);
    };
    dq_ = find(i, name("hopper_attention_dq_"), shape_of_dq(), at, m, m, m, m, at, at, p.heads);
    dkdv_ = find(i, name("hopper_attention_dkdv_"), shape_of_dkdv(), at, at, at, m, m, m, m, at, at, p.heads);
  }
  int count() const override { return 1; }
  size_t workspace(int) const override { return 0; }
  int best() const override { return 0; }
  // scratch: as attention_gradient lays it out.
  void run(int, const Places& at, const Address& scratch) const override {
    const Heads& h = plan_.heads;
    const auto queries = [&](GradientOperand operand, int rows) {
      return head_maps(device_, plan_, h.queries, rows, at[operand]);
    };
    const auto keys = [&](GradientOperand operand, int rows) {
      return head_maps(device_, plan_, h.keys, rows, at[operand]);
    };
    char *const lse = at[kGradientLse].get(), *const delta = scratch.get(),
                *const parts = parts_ > 1 ? delta + gradient_scratch(plan_, 1) : nullptr;
    enqueue_way(dq_, shape_of_dq(), at[kGradientDq].get(), queries(kGradientDy, kHopperRows),
                queries(kGradientQ, kHopperRows), keys(kGradientK, kHopperKeys),
                keys(kGradientV, kHopperKeys), lse, delta, h);
    enqueue_way(dkdv_, shape_of_dkdv(), at[kGradientDk].get(), at[kGradientDv].get(), parts,
                queries(kGradientDy, kHopperQueries), queries(kGradientQ, kHopperQueries),
                keys(kGradientK, kHopperRows), keys(kGradientV, kHopperRows), lse, delta, h);
  }

 private:
  Shape shape_of_dq() const {
    return {.grid = {.x = round_up(plan_.heads.queries, kHopperRows), .y = plan_.stack()},
            .threads = kHopperThreads,
            .shared = size_t(gradient_shared(width_, kHopperKeys))};
  }
  Shape shape_of_dkdv() const {
    return {.grid = {.x = round_up(plan_.heads.keys, kHopperRows), .y = plan_.stack(), .z = parts_},
            .threads = kDkdvThreads,
            .shared = size_t(gradient_shared(width_, kHopperQueries))};
  }
  AttentionPlan plan_;
  int width_;
  int64_t parts_;
  const Function *dq_, *dkdv_;
};

}  // namespace

void hopper_attention_backward(const Instruction& i, const AttentionPlan& p, const Places& at, OwnWay& own,
                               size_t& own_scratch) {
  if (i.device().hopper == Hopper::kOff || !copies_heads(p, at) || p.heads.width > kWidest) return;
  const int64_t parts = parts_of(i, p);
  const auto by = [&i, p, parts](const std::shared_ptr<TheirWays>& ways, int which, const Places& at,
                                 const Address& scratch) {
    return attention_gradient(i, p, parts, at, scratch, [&](const Address&, const Address&) -> Run {
      return [=] { ways->run(which, at, scratch); };
    });
  };
  Question q = gradient_question(p, at, own, own_scratch);
  q.run = by;
  q.their_scratch = gradient_scratch(p, parts);
  const Chosen way = hopper_way(i, q, [&] { return std::make_shared<GradientWays>(i, p); });
  if (!way.ways) return;
  own = [by, way](const Places& at, const Address& scratch) { return by(way.ways, way.which, at, scratch); };
  own_scratch = q.their_scratch;
}

}  // namespace easel
