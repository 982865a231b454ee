// A computation that cuDNN has plans for.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "../choose.h"
#include "dnn_graph.h"

namespace easel {

int dnn_type(int32_t dtype);  // cudnnDataType_t

class DnnWays : public TheirWays {
 public:
  explicit DnnWays(const Cudnn& library) : graph(library), library_(library) {}

  // The graph's tensor `id` is the question's operand so-and-so, or this number.
  void bind(int64_t id, size_t operand) { operands_.emplace_back(id, operand); }
  void bind_number(int64_t id, float number) { numbers_.emplace_back(id, number); }
  // `bytes` of f32 that the computation needs for itself.
  void bind_scratch(int64_t id, size_t bytes) { scratch_id_ = id, scratch_bytes_ = bytes; }
  // Asks for at most `most` plans with at most so many bytes of workspace, or for that of one id; see
  // DnnGraph::plans().
  void find(size_t most, size_t limit, bool exact, int id);

  int count() const override { return int(plans_.size()); }
  int id(int which) const override { return plans_[size_t(which)].guess; }
  size_t workspace(int which) const override { return scratch_bytes_ + plans_[size_t(which)].workspace; }
  void run(int which, const Places& at, const Address& workspace) const override;

  DnnGraph graph;

 private:
  const Cudnn& library_;
  std::vector<std::pair<int64_t, size_t>> operands_;
  std::vector<std::pair<int64_t, float>> numbers_;
  int64_t scratch_id_ = 0;
  size_t scratch_bytes_ = 0;
  std::vector<DnnPlan> plans_;
};

}  // namespace easel
