// The functions of NVIDIA's cuDNN 9 that the backend calls, found by dlopen, and the numbers of its "backend"
// interface, in which everything is an object with numbered attributes.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "../../driver.h"
#include "../library.h"

namespace easel {

using DnnHandle = struct DnnContext*;
using DnnDescriptor = void*;

namespace dnn {

enum Kind : int {  // cudnnBackendDescriptorType_t
  kPointwise = 0,
  kConvolution = 1,
  kEngine = 2,
  kEngineConfig = 3,
  kHeuristics = 4,
  kPlan = 5,
  kConvolutionForward = 10,
  kConvolutionBackwardWeight = 11,
  kConvolutionBackwardInput = 12,
  kPointwiseOperation = 13,
  kOperationGraph = 15,
  kVariantPack = 16,
  kTensor = 17,
  kMatmul = 18,
  kMatmulOperation = 19,
  kReduction = 21,
  kReductionOperation = 22,
  kReshapeOperation = 31,
  kCard = 38,
};

enum Type : int {  // cudnnBackendAttributeType_t
  kHandle = 0,
  kDataType = 1,
  kBoolean = 2,
  kInt64 = 3,
  kFloat = 4,
  kPointer = 6,
  kConvolutionMode = 7,
  kHeuristicMode = 8,
  kNumericalNote = 11,
  kPointwiseMode = 14,
  kDescriptor = 15,
  kReductionMode = 18,
  kChar = 24,
};

enum Attribute : int {  // cudnnBackendAttributeName_t
  kPointwiseModeIs = 0,
  kPointwisePrecision = 1,
  kConvolutionCompute = 100,
  kConvolutionModeIs = 101,
  kConvolutionDilations = 102,
  kConvolutionStrides = 103,
  kConvolutionPadsAfter = 104,
  kConvolutionPadsBefore = 105,
  kConvolutionAxes = 106,
  kHeuristicsMode = 200,
  kHeuristicsGraph = 201,
  kHeuristicsResults = 202,
  kHeuristicsCard = 204,
  kConfigEngine = 300,
  kPlanHandle = 400,
  kPlanConfig = 401,
  kPlanWorkspace = 402,
  kPlanCard = 407,
  kForwardAlpha = 700,         // then beta, convolution, w, x, y
  kBackwardInputAlpha = 706,   // then beta, convolution, w, dx, dy
  kBackwardWeightAlpha = 712,  // then beta, convolution, dw, x, dy
  kPointwiseOf = 750,          // then x, b, y
  kGraphHandle = 800,
  kGraphOperations = 801,
  kTensorAlignment = 900,
  kTensorDataType = 901,
  kTensorDims = 902,
  kTensorStrides = 903,
  kTensorId = 906,
  kTensorIsVirtual = 907,
  kTensorIsByValue = 908,
  kPackIds = 1000,
  kPackPointers = 1001,
  kPackWorkspace = 1003,
  kEngineNotes = 1303,
  kMatmulCompute = 1500,
  kMatmulA = 1520,  // then b, c, matmul
  kReductionModeIs = 1600,
  kReductionCompute = 1601,
  kReductionX = 1610,  // then y, reduction
  kReshapeX = 2200,    // then y
  kCardJson = 2702,
};

constexpr int kF32 = 0, kF16 = 2, kBf16 = 9;                                 // cudnnDataType_t
constexpr int kCrossCorrelation = 1;                                         // cudnnConvolutionMode_t
constexpr int kAdd = 0, kMul = 1, kDiv = 6, kSub = 9, kExp = 13, kLog = 15;  // cudnnPointwiseMode_t
constexpr int kSumOf = 0, kMostOf = 3;                                       // cudnnReduceTensorOp_t
constexpr int kFallback = 2, kModeA = 3;                                     // cudnnBackendHeurMode_t
constexpr int kTensorCores = 0, kRoundsInputs = 1, kRoundsSums = 2,
              kVaries = 4;  // cudnnBackendNumericalNote_t

}  // namespace dnn

// X(member, exported name, parameters); each gives a cudnnStatus_t.
#define EASEL_CUDNN_FUNCTIONS(X)                                                                           \
  X(create, "cudnnCreate", (DnnHandle*))                                                                   \
  X(destroy, "cudnnDestroy", (DnnHandle))                                                                  \
  X(set_stream, "cudnnSetStream", (DnnHandle, CUstream))                                                   \
  X(descriptor_create, "cudnnBackendCreateDescriptor", (int kind, DnnDescriptor*))                         \
  X(descriptor_destroy, "cudnnBackendDestroyDescriptor", (DnnDescriptor))                                  \
  X(finalize, "cudnnBackendFinalize", (DnnDescriptor))                                                     \
  X(set_attribute, "cudnnBackendSetAttribute", (DnnDescriptor, int, int type, int64_t count, const void*)) \
  X(get_attribute, "cudnnBackendGetAttribute",                                                             \
    (DnnDescriptor, int, int type, int64_t most, int64_t*, void*))                                         \
  X(execute, "cudnnBackendExecute", (DnnHandle, DnnDescriptor plan, DnnDescriptor pack))

struct Cudnn : VendorLibrary {
#define EASEL_MEMBER(member, name, parameters) int(*member) parameters = nullptr;
  EASEL_CUDNN_FUNCTIONS(EASEL_MEMBER)
#undef EASEL_MEMBER
  const char* (*status_text)(int) = nullptr;
  void (*last_error)(char*, size_t) = nullptr;

  Cudnn() = default;
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn();

  // As CublasLt::open(); the handle computes on `stream`. has_cublaslt: whether cuBLASLt can be used, without
  // which cuDNN ends the process when one of its engines looks for it.
  void open(bool alone, CUstream stream, bool has_cublaslt);
  bool usable() const { return handle != nullptr; }
  // Throws Failure unless status is 0.
  void check(int status, const char* what) const;

  DnnHandle handle = nullptr;
};

}  // namespace easel
