#include "tile_trials.h"

#include "../device.h"

namespace easel {
namespace {

int id_of(const Tiling& t) { return t.height * 1000 + t.width; }

// All sizes but the model's first choice, which is what they are tried against.
class OtherTilings : public TheirWays {
 public:
  OtherTilings(const std::vector<Tiling>& all, const Tiled& tiled) {
    for (size_t k = 1; k < all.size(); ++k) ways_.push_back({id_of(all[k]), tiled.part_bytes(all[k])});
  }
  int count() const override { return int(ways_.size()); }
  int id(int which) const override { return ways_[size_t(which)].id; }
  size_t workspace(int which) const override { return ways_[size_t(which)].bytes; }
  // The question's run() does: it knows the instruction, which these outlive.
  void run(int, const Places&, const Address&) const override {
    throw Failure(EASEL_FAILED, "cuda: a size of blocks does not run by itself");
  }

 private:
  struct Way {
    int id;
    size_t bytes;
  };
  std::vector<Way> ways_;
};

}  // namespace

Tiling tried_tiling(const Instruction& i, const std::vector<Tiling>& tilings, const Tiled& tiled,
                    const std::function<Question()>& question) {
  const Tiling& first = tilings.front();
  if (!i.device().blocks_tried || tilings.size() == 1) return first;
  const auto with_id = [&](int id) -> const Tiling& {
    for (const Tiling& t : tilings)
      if (id_of(t) == id) return t;
    return first;
  };
  Question q = question();
  q.theirs = "blocks";
  q.own_scratch = tiled.part_bytes(first);
  q.own = [&](const Places& at, const Address& parts) { return tiled.run(first, at, parts); };
  q.ask = [&](int) { return std::make_shared<OtherTilings>(tilings, tiled); };
  q.run = [&](const std::shared_ptr<TheirWays>& ways, int which, const Places& at, const Address& parts) {
    return tiled.run(with_id(ways->id(which)), at, parts);
  };
  const Chosen chosen = chosen_way(i, q);
  return chosen.ways ? with_id(chosen.ways->id(chosen.which)) : first;
}

}  // namespace easel
