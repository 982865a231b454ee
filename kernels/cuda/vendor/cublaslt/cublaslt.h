// The functions of NVIDIA's cuBLASLt that the backend calls, found by dlopen: nothing of it is needed to
// build easel or to run it. Types and numbers are those of the library's C interface, alike in its versions
// 11 to
// 13. Its matrices are column-major: what is M x N and dense by rows here is N x M there.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "../../driver.h"
#include "../library.h"

namespace easel {

using LtHandle = struct LtContext*;
using LtDescription = struct LtDescriptionOpaque*;
using LtLayout = struct LtLayoutOpaque*;
using LtPreference = struct LtPreferenceOpaque*;

struct LtAlgorithm {
  uint64_t data[8];
};
struct LtHeuristic {
  LtAlgorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

constexpr int kLtF32 = 0, kLtF16 = 2, kLtBf16 = 14;                               // cudaDataType_t
constexpr int kLtCompute32F = 68;                                                 // cublasComputeType_t
constexpr int kLtTransA = 3, kLtTransB = 4, kLtEpilogue = 7, kLtBiasPointer = 8;  // of a description
constexpr int kLtBatchCount = 5, kLtBatchOffset = 6;                              // of a layout
constexpr int kLtWorkspaceBytes = 1, kLtReductionMask = 3, kLtAlignmentA = 5,     //
    kLtAlignmentB = 6, kLtAlignmentC = 7, kLtAlignmentD = 8;                      // of a preference
constexpr int32_t kLtPlain = 0, kLtTransposed = 1;                                // cublasOperation_t
constexpr uint32_t kLtEpilogueBias = 4;                                           // cublasLtEpilogue_t
constexpr uint32_t kLtReduceInFloat = 2;  // parts of K are added in f32, in a fixed order, in the workspace

// X(member, exported name, parameters); each gives a cublasStatus_t.
#define EASEL_CUBLASLT_FUNCTIONS(X)                                                                          \
  X(create, "cublasLtCreate", (LtHandle*))                                                                   \
  X(destroy, "cublasLtDestroy", (LtHandle))                                                                  \
  X(description_create, "cublasLtMatmulDescCreate", (LtDescription*, int compute, int scale))                \
  X(description_destroy, "cublasLtMatmulDescDestroy", (LtDescription))                                       \
  X(description_set, "cublasLtMatmulDescSetAttribute", (LtDescription, int, const void*, size_t))            \
  X(layout_create, "cublasLtMatrixLayoutCreate", (LtLayout*, int, uint64_t rows, uint64_t columns, int64_t)) \
  X(layout_destroy, "cublasLtMatrixLayoutDestroy", (LtLayout))                                               \
  X(layout_set, "cublasLtMatrixLayoutSetAttribute", (LtLayout, int, const void*, size_t))                    \
  X(preference_create, "cublasLtMatmulPreferenceCreate", (LtPreference*))                                    \
  X(preference_destroy, "cublasLtMatmulPreferenceDestroy", (LtPreference))                                   \
  X(preference_set, "cublasLtMatmulPreferenceSetAttribute", (LtPreference, int, const void*, size_t))        \
  X(heuristics, "cublasLtMatmulAlgoGetHeuristic",                                                            \
    (LtHandle, LtDescription, LtLayout, LtLayout, LtLayout, LtLayout, LtPreference, int, LtHeuristic*,       \
     int*))                                                                                                  \
  X(matmul, "cublasLtMatmul",                                                                                \
    (LtHandle, LtDescription, const void* alpha, const void* a, LtLayout, const void* b, LtLayout,           \
     const void* beta, const void* c, LtLayout, void* d, LtLayout, const LtAlgorithm*, void* workspace,      \
     size_t, CUstream))

struct CublasLt : VendorLibrary {
#define EASEL_MEMBER(member, name, parameters) int(*member) parameters = nullptr;
  EASEL_CUBLASLT_FUNCTIONS(EASEL_MEMBER)
#undef EASEL_MEMBER
  const char* (*status_name)(int) = nullptr;  // absent from older versions

  CublasLt() = default;
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;
  ~CublasLt();

  // Finds the library and makes a handle for the current context; see VendorLibrary::find. Never throws.
  void open(bool alone);
  bool usable() const { return handle != nullptr; }
  // Throws Failure unless status is 0.
  void check(int status, const char* what) const;

  LtHandle handle = nullptr;
};

}  // namespace easel
