// Products and convolutions in blocks of two widths, with K cut in parts where that fills the card.
#pragma once
#include "choose.h"

namespace easel {

constexpr int kHopperWidths[] = {256, 128};  // of blocks

class BlockWays : public HopperWays {
 public:
  explicit BlockWays(Device& device) : HopperWays(device) {}
  int count() const override { return 2; }
  int id(int which) const override { return kHopperWidths[which]; }
  size_t workspace(int which) const override;  // parts of K, then a counter for each tile
  int best() const override;

 protected:
  // dense: K may be cut in parts.
  static Product product_on(const Instruction& i, int width, int64_t M, int64_t N, int64_t K, int64_t batch,
                            bool dense);
  static Shape shape_of(const Product& p);
  // Where the parts go and, set to 0, the counters.
  std::pair<char*, char*> parts_of(const Product& p, const Address& workspace) const;
  Product products_[2];
  const Function* functions_[2];
};

}  // namespace easel
