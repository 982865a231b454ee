#include "dnn_objects.h"

#include "../../cuda/vendor/cudnn/cudnn.h"

namespace simt {

namespace dnn = easel::dnn;

size_t bytes_of_type(int type) {
  switch (type) {
    case dnn::kHandle:
    case dnn::kInt64:
    case dnn::kPointer:
    case dnn::kDescriptor:
      return 8;
    case dnn::kBoolean:
    case dnn::kChar:
      return 1;
    default:
      return 4;
  }
}

const std::map<int, std::map<int, Known>>& known() {
  const auto operation = [](int first, int tensors, bool described_last) {
    std::map<int, Known> all;
    for (int k = 0; k < tensors + described_last; ++k) all[first + k] = {dnn::kDescriptor, true};
    return all;
  };
  const auto convolution = [&](int alpha) {
    auto all = operation(alpha + 2, 4, false);
    all[alpha] = all[alpha + 1] = {dnn::kFloat, true};
    return all;
  };
  auto pointwise = operation(dnn::kPointwiseOf, 4, false);
  pointwise[dnn::kPointwiseOf + 2].required = false;
  static const std::map<int, std::map<int, Known>> table = {
      {dnn::kTensor,
       {{dnn::kTensorAlignment, {dnn::kInt64, true}},
        {dnn::kTensorDataType, {dnn::kDataType, true}},
        {dnn::kTensorDims, {dnn::kInt64, true}},
        {dnn::kTensorStrides, {dnn::kInt64, true}},
        {dnn::kTensorId, {dnn::kInt64, true}},
        {dnn::kTensorIsVirtual, {dnn::kBoolean, false}},
        {dnn::kTensorIsByValue, {dnn::kBoolean, false}}}},
      {dnn::kConvolution,
       {{dnn::kConvolutionCompute, {dnn::kDataType, true}},
        {dnn::kConvolutionModeIs, {dnn::kConvolutionMode, true}},
        {dnn::kConvolutionAxes, {dnn::kInt64, true}},
        {dnn::kConvolutionDilations, {dnn::kInt64, true}},
        {dnn::kConvolutionStrides, {dnn::kInt64, true}},
        {dnn::kConvolutionPadsBefore, {dnn::kInt64, true}},
        {dnn::kConvolutionPadsAfter, {dnn::kInt64, true}}}},
      {dnn::kPointwise,
       {{dnn::kPointwiseModeIs, {dnn::kPointwiseMode, true}},
        {dnn::kPointwisePrecision, {dnn::kDataType, true}}}},
      {dnn::kMatmul, {{dnn::kMatmulCompute, {dnn::kDataType, true}}}},
      {dnn::kReduction,
       {{dnn::kReductionModeIs, {dnn::kReductionMode, true}},
        {dnn::kReductionCompute, {dnn::kDataType, true}}}},
      {dnn::kConvolutionForward, convolution(dnn::kForwardAlpha)},
      {dnn::kConvolutionBackwardInput, convolution(dnn::kBackwardInputAlpha)},
      {dnn::kConvolutionBackwardWeight, convolution(dnn::kBackwardWeightAlpha)},
      {dnn::kPointwiseOperation, pointwise},
      {dnn::kMatmulOperation, operation(dnn::kMatmulA, 3, true)},
      {dnn::kReductionOperation, operation(dnn::kReductionX, 2, true)},
      {dnn::kReshapeOperation, operation(dnn::kReshapeX, 2, false)},
      {dnn::kOperationGraph,
       {{dnn::kGraphHandle, {dnn::kHandle, true}}, {dnn::kGraphOperations, {dnn::kDescriptor, true}}}},
      {dnn::kHeuristics,
       {{dnn::kHeuristicsGraph, {dnn::kDescriptor, true}},
        {dnn::kHeuristicsMode, {dnn::kHeuristicMode, true}}}},
      {dnn::kEngineConfig, {}},
      {dnn::kEngine, {}},
      {dnn::kPlan, {{dnn::kPlanHandle, {dnn::kHandle, true}}, {dnn::kPlanConfig, {dnn::kDescriptor, true}}}},
      {dnn::kVariantPack,
       {{dnn::kPackIds, {dnn::kInt64, true}},
        {dnn::kPackPointers, {dnn::kPointer, true}},
        {dnn::kPackWorkspace, {dnn::kPointer, true}}}}};
  return table;
}

namespace {

Number number(int type) {
  return type == dnn::kF32 ? Number::f32 : type == dnn::kF16 ? Number::f16 : Number::bf16;
}

DnnTensor tensor_of(const Object& o) {
  DnnTensor t;
  t.id = o.one<int64_t>(dnn::kTensorId);
  t.type = number(o.one<int>(dnn::kTensorDataType));
  t.dims = o.all<int64_t>(dnn::kTensorDims);
  t.strides = o.all<int64_t>(dnn::kTensorStrides);
  t.alignment = o.one<int64_t>(dnn::kTensorAlignment);
  t.is_virtual = o.one<char>(dnn::kTensorIsVirtual);
  t.is_number = o.one<char>(dnn::kTensorIsByValue);
  return t;
}

}  // namespace

bool is_operation(int kind) {
  return (kind >= dnn::kConvolutionForward && kind <= dnn::kPointwiseOperation) ||
         kind == dnn::kMatmulOperation || kind == dnn::kReductionOperation || kind == dnn::kReshapeOperation;
}

DnnOperation operation_of(const Object& o) {
  DnnOperation op{};
  const auto tensors = [&](int a, int b, int c) {
    op.a = tensor_of(o.object(a));
    if (b && o.has(b)) op.b = tensor_of(o.object(b));
    if (c) op.c = tensor_of(o.object(c));
  };
  const auto convolution = [&](DnnOperation::Kind kind, int alpha) {
    op.kind = kind;
    const Object& window = o.object(alpha + 2);
    op.strides = window.all<int64_t>(dnn::kConvolutionStrides);
    op.pads_before = window.all<int64_t>(dnn::kConvolutionPadsBefore);
    op.pads_after = window.all<int64_t>(dnn::kConvolutionPadsAfter);
    tensors(alpha + 3, alpha + 4, alpha + 5);
  };
  switch (o.kind) {
    case dnn::kConvolutionForward:
      convolution(DnnOperation::kForward, dnn::kForwardAlpha);
      break;
    case dnn::kConvolutionBackwardInput:
      convolution(DnnOperation::kBackwardInput, dnn::kBackwardInputAlpha);
      break;
    case dnn::kConvolutionBackwardWeight:
      convolution(DnnOperation::kBackwardWeight, dnn::kBackwardWeightAlpha);
      break;
    case dnn::kPointwiseOperation:
      op.kind = DnnOperation::kPointwise;
      op.mode = o.object(dnn::kPointwiseOf).one<int>(dnn::kPointwiseModeIs);
      tensors(dnn::kPointwiseOf + 1, dnn::kPointwiseOf + 2, dnn::kPointwiseOf + 3);
      break;
    case dnn::kMatmulOperation:
      op.kind = DnnOperation::kMatmul;
      tensors(dnn::kMatmulA, dnn::kMatmulA + 1, dnn::kMatmulA + 2);
      break;
    case dnn::kReductionOperation:
      op.kind = DnnOperation::kReduce;
      op.mode = o.object(dnn::kReductionX + 2).one<int>(dnn::kReductionModeIs);
      tensors(dnn::kReductionX, dnn::kReductionX + 1, 0);
      break;
    default:
      op.kind = DnnOperation::kReshape;
      tensors(dnn::kReshapeX, dnn::kReshapeX + 1, 0);
  }
  return op;
}

std::vector<DnnOperation> operations_of(const Object& graph) {
  std::vector<DnnOperation> all;
  for (const Handle& o : graph.set.at(dnn::kGraphOperations).objects) all.push_back(operation_of(*o));
  return all;
}

}  // namespace simt
