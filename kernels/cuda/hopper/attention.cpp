// Attention on Hopper: two sizes of tiles of keys.
#include <algorithm>

#include "heads.h"

namespace easel {
namespace {

// Keys of a tile; what wide heads take beside 128 of them is more than a thread's registers.
std::vector<int> tiles_of(int compiled) {
  return compiled > 80 ? std::vector<int>{80} : std::vector<int>{128, 80};
}

class AttentionWays : public HopperWays {
 public:
  AttentionWays(const Instruction& i, const AttentionPlan& p)
      : HopperWays(i.device()), plan_(p), width_(compiled_width(p.heads.width)), tiles_(tiles_of(width_)) {
    const char* at = nullptr;
    for (int which = 0; which < count(); ++which) {
      const std::string name = "hopper_attention_" + std::to_string(width_) + "_" + std::to_string(id(which));
      functions_.push_back(find(i, kernel_name(name.c_str(), p.dtype), shape(which), at, at, HeadMaps(),
                                HeadMaps(), HeadMaps(), p.heads));
    }
  }
  int count() const override { return int(tiles_.size()); }
  int id(int which) const override { return tiles_[size_t(which)]; }
  size_t workspace(int) const override { return 0; }
  // The fewest keys that are none, and of two alike the larger tile.
  int best() const override {
    const auto rounded = [&](int a, int b) { return blocks(a) * a < blocks(b) * b; };
    return int(std::min_element(tiles_.begin(), tiles_.end(), rounded) - tiles_.begin());
  }
  void run(int which, const Places& at, const Address&) const override {
    const Heads& h = plan_.heads;
    const auto keys = [&](AttentionOperand operand) {
      return head_maps(device_, plan_, h.keys, id(which), at[operand]);
    };
    enqueue_way(functions_[size_t(which)], shape(which), at[kAttentionOut].get(), at[kAttentionLse].get(),
                head_maps(device_, plan_, h.queries, kHopperRows, at[kAttentionQ]), keys(kAttentionK),
                keys(kAttentionV), h);
  }

 private:
  int64_t blocks(int keys) const { return (plan_.heads.keys + keys - 1) / keys; }
  Shape shape(int which) const {
    const int keys = id(which), stages = int(std::min<int64_t>(blocks(keys), kHopperStages));
    return {.grid = {.x = (plan_.heads.queries + kHopperRows - 1) / kHopperRows, .y = plan_.stack()},
            .threads = kHopperThreads,
            .shared = size_t(head_shared(width_, keys, stages))};
  }
  AttentionPlan plan_;
  int width_;
  std::vector<int> tiles_;
  std::vector<const Function*> functions_;
};

}  // namespace

void hopper_attention(const Instruction& i, const AttentionPlan& p, const Places& at, OwnWay& own) {
  if (i.device().hopper == Hopper::kOff || !copies_heads(p, at)) return;
  const Chosen way =
      hopper_way(i, attention_question(p, at, own), [&] { return std::make_shared<AttentionWays>(i, p); });
  if (!way.ways) return;
  own = [way](const Places& at, const Address&) -> Run {
    return [way, at] { way.ways->run(way.which, at, Address()); };
  };
}

}  // namespace easel
