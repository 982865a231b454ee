#include "dnn_graph.h"

#include <algorithm>

#include "../../../executor/failure.h"

namespace easel {

using namespace dnn;

DnnObject::DnnObject(const Cudnn& library, Kind kind) : library_(library) {
  library.check(library.descriptor_create(kind, &descriptor_), "cudnnBackendCreateDescriptor");
}
DnnObject::~DnnObject() {
  if (descriptor_) library_.descriptor_destroy(descriptor_);
}
void DnnObject::set(int attribute, Type type, const void* values, int64_t count) {
  library_.check(library_.set_attribute(descriptor_, attribute, type, count, values),
                 "cudnnBackendSetAttribute");
}
int64_t DnnObject::get(int attribute, Type type, void* values, int64_t most) const {
  int64_t count = 0;
  library_.check(library_.get_attribute(descriptor_, attribute, type, most, &count, values),
                 "cudnnBackendGetAttribute");
  return std::min(count, most);
}

DnnShape DnnShape::swapped() const {
  DnnShape s = *this;
  std::swap(s.dims[2], s.dims[3]);
  std::swap(s.strides[2], s.strides[3]);
  return s;
}

int64_t DnnGraph::add(int type, const DnnShape& shape, int64_t alignment, Attribute flag, bool value) {
  auto t = std::make_unique<DnnObject>(library_, kTensor);
  const auto id = int64_t(tensors_.size()) + 1;
  t->set(kTensorDataType, kDataType, type);
  t->set(kTensorDims, shape.dims);
  t->set(kTensorStrides, shape.strides);
  t->set(kTensorId, id);
  t->set(kTensorAlignment, alignment);
  t->set(flag, value);
  t->finalize("cuDNN: a tensor");
  tensors_.push_back(std::move(t));
  return id;
}

int64_t DnnGraph::tensor(int type, const DnnShape& shape, int64_t alignment) {
  return add(type, shape, alignment, kTensorIsVirtual, false);
}
int64_t DnnGraph::between(const DnnShape& shape, int type) {
  return add(type, shape, 16, kTensorIsVirtual, true);
}
int64_t DnnGraph::number() { return add(kF32, {{1, 1, 1, 1}, {1, 1, 1, 1}}, 4, kTensorIsByValue, true); }

DnnObject& DnnGraph::describe(Kind kind) {
  return *descriptions_.emplace_back(std::make_unique<DnnObject>(library_, kind));
}
DnnObject& DnnGraph::operation(Kind kind) {
  return *operations_.emplace_back(std::make_unique<DnnObject>(library_, kind));
}

void DnnGraph::convolution(Kind kind, Attribute alpha, const Window& window, int64_t a, int64_t b,
                           int64_t c) {
  DnnObject& of = describe(kConvolution);
  const auto axes = window.strides.size();
  of.set(kConvolutionCompute, kDataType, kF32);
  of.set(kConvolutionModeIs, dnn::kConvolutionMode, kCrossCorrelation);
  of.set(kConvolutionAxes, int64_t(axes));
  of.set(kConvolutionDilations, std::vector<int64_t>(axes, 1));
  of.set(kConvolutionStrides, window.strides);
  of.set(kConvolutionPadsBefore, window.pads_before);
  of.set(kConvolutionPadsAfter, window.pads_after);
  of.finalize("cuDNN: a window");
  DnnObject& o = operation(kind);
  o.set(alpha, 1.f);
  o.set(alpha + 1, 0.f);
  o.set(alpha + 2, of);
  o.set(alpha + 3, at(a));
  o.set(alpha + 4, at(b));
  o.set(alpha + 5, at(c));
  o.finalize("cuDNN: a convolution");
}

void DnnGraph::pointwise(int mode, int64_t x, int64_t b, int64_t y) {
  DnnObject& of = describe(kPointwise);
  of.set(kPointwiseModeIs, dnn::kPointwiseMode, mode);
  of.set(kPointwisePrecision, kDataType, kF32);
  of.finalize("cuDNN: a pointwise function");
  DnnObject& o = operation(kPointwiseOperation);
  o.set(kPointwiseOf, of);
  o.set(kPointwiseOf + 1, at(x));
  if (b) o.set(kPointwiseOf + 2, at(b));
  o.set(kPointwiseOf + 3, at(y));
  o.finalize("cuDNN: a pointwise operation");
}

void DnnGraph::matmul(int64_t a, int64_t b, int64_t c) {
  DnnObject& of = describe(kMatmul);
  of.set(kMatmulCompute, kDataType, kF32);
  of.finalize("cuDNN: a product");
  DnnObject& o = operation(kMatmulOperation);
  o.set(kMatmulA, at(a));
  o.set(kMatmulA + 1, at(b));
  o.set(kMatmulA + 2, at(c));
  o.set(kMatmulA + 3, of);
  o.finalize("cuDNN: a product");
}

void DnnGraph::reduce(int mode, int64_t x, int64_t y) {
  DnnObject& of = describe(kReduction);
  of.set(kReductionModeIs, dnn::kReductionMode, mode);
  of.set(kReductionCompute, kDataType, kF32);
  of.finalize("cuDNN: a reduction");
  DnnObject& o = operation(kReductionOperation);
  o.set(kReductionX, at(x));
  o.set(kReductionX + 1, at(y));
  o.set(kReductionX + 2, of);
  o.finalize("cuDNN: a reduction");
}

void DnnGraph::reshape(int64_t x, int64_t y) {
  DnnObject& o = operation(kReshapeOperation);
  o.set(kReshapeX, at(x));
  o.set(kReshapeX + 1, at(y));
  o.finalize("cuDNN: a view");
}

std::vector<DnnPlan> DnnGraph::plans(const DnnTarget& target, size_t most, size_t workspace, bool exact,
                                     int only) {
  if (!graph_) {
    std::vector<DnnDescriptor> all;
    for (const auto& o : operations_) all.push_back(o->descriptor());
    graph_ = std::make_unique<DnnObject>(library_, kOperationGraph);
    if (target.handle) graph_->set(kGraphHandle, target.handle);
    graph_->set(kGraphOperations, kDescriptor, all.data(), int64_t(all.size()));
    graph_->finalize("cuDNN: a graph");
  }
  std::vector<DnnPlan> found;
  int guess = -1;
  for (const int mode : {kModeA, kFallback}) {
    if (!found.empty()) break;
    for (const auto& config : guesses(target, mode)) {
      ++guess;
      if (found.size() == most || (only >= 0 && guess != only) || !sound(*config, exact)) continue;
      auto plan = std::make_unique<DnnObject>(library_, kPlan);
      if (target.handle) plan->set(kPlanHandle, target.handle);
      if (target.card) plan->set(kPlanCard, *target.card);
      plan->set(kPlanConfig, *config);
      if (!plan->try_finalize()) continue;
      int64_t bytes = 0;
      plan->get(kPlanWorkspace, kInt64, &bytes, 1);
      if (bytes >= 0 && size_t(bytes) <= workspace) found.push_back({std::move(plan), size_t(bytes), guess});
    }
  }
  return found;
}

std::vector<std::unique_ptr<DnnObject>> DnnGraph::guesses(const DnnTarget& target, int mode) const {
  constexpr int64_t kGuesses = 32;
  DnnObject heuristics(library_, kHeuristics);
  heuristics.set(kHeuristicsGraph, *graph_);
  heuristics.set(kHeuristicsMode, kHeuristicMode, mode);
  if (target.card) heuristics.set(kHeuristicsCard, *target.card);
  std::vector<std::unique_ptr<DnnObject>> configs;
  if (!heuristics.try_finalize()) return configs;
  std::vector<DnnDescriptor> descriptors;
  for (int64_t k = 0; k < kGuesses; ++k) {
    configs.push_back(std::make_unique<DnnObject>(library_, kEngineConfig));
    descriptors.push_back(configs.back()->descriptor());
  }
  configs.resize(size_t(heuristics.get(kHeuristicsResults, kDescriptor, descriptors.data(), kGuesses)));
  return configs;
}

bool DnnGraph::sound(const DnnObject& config, bool exact) const {
  const DnnObject engine(library_, kEngine);
  DnnDescriptor to = engine.descriptor();
  config.get(kConfigEngine, kDescriptor, &to, 1);
  int notes[16];
  const int64_t count = engine.get(kEngineNotes, kNumericalNote, notes, 16);
  return std::none_of(notes, notes + count, [&](int note) {
    return note == kRoundsInputs || note == kRoundsSums || note == kVaries || (exact && note == kTensorCores);
  });
}

}  // namespace easel
