// A matrix product as cuBLASLt computes it.
#pragma once
#include <memory>

#include "../../product/product_plan.h"
#include "../choose.h"
#include "cublaslt.h"

namespace easel {

// The operands in the order of their places.
enum LtOperand { kLtA, kLtB, kLtResult, kLtBias, kLtResidual, kLtSecondA, kLtSecondB, kLtOperands };

class LtProduct : public TheirWays {
 public:
  static constexpr int kAlgorithms = 4;  // the library's first guesses, of which the fastest is taken

  // Whether the library can be asked for the product at all.
  static bool expresses(const ProductPlan& plan);

  // Asks for algorithms that need no more than `limit` bytes of workspace. Throws Failure.
  LtProduct(Device& device, const CublasLt& library, const ProductPlan& plan, size_t limit);
  ~LtProduct() override;
  LtProduct(const LtProduct&) = delete;
  LtProduct& operator=(const LtProduct&) = delete;

  int count() const override { return count_; }
  size_t workspace(int which) const override { return found_[which].workspace; }
  void run(int which, const Places& at, const Address& workspace) const override;

 private:
  void describe();
  void stack(LtLayout layout, int64_t stride) const;
  void ask(size_t limit);
  void release();

  Device& device_;
  const CublasLt& library_;
  const ProductPlan plan_;
  int32_t members_ = 1;  // of the stack that one call computes
  int64_t calls_ = 1;    // calls for the whole stack, *_outer apart
  bool inner_ = false;   // the members are *_inner apart
  LtDescription description_ = nullptr;
  LtLayout a_ = nullptr, b_ = nullptr, y_ = nullptr;
  LtPreference preference_ = nullptr;
  LtHeuristic found_[kAlgorithms];
  int count_ = 0;
};

}  // namespace easel
