// The functions of NVIDIA's driver that the backend calls, found by dlopen: nothing of CUDA is needed to
// build the host part or to start the program. Types and numbers are those of the driver's stable C
// interface.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace easel {

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;

enum CUresult : int {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CUDA_ERROR_STUB_LIBRARY = 34,
  CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_IMAGE = 200,
  CUDA_ERROR_NO_BINARY_FOR_GPU = 209,
  CUDA_ERROR_ECC_UNCORRECTABLE = 214,
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
  CUDA_ERROR_NOT_FOUND = 500,
  CUDA_ERROR_ILLEGAL_ADDRESS = 700,
  CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
  CUDA_ERROR_MISALIGNED_ADDRESS = 716,
  CUDA_ERROR_LAUNCH_FAILED = 719,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH = 803,
};

constexpr int kThreadsPerMultiprocessor = 39, kMultiprocessors = 16, kCapabilityMajor = 75,
              kCapabilityMinor = 76, kSharedPerMultiprocessor = 81, kSharedOptIn = 97;  // CUdevice_attribute
constexpr int kMaxDynamicShared = 8;    // CUfunction_attribute
constexpr int kCaptureThreadLocal = 1;  // CUstreamCaptureMode
constexpr unsigned kStreamNonBlocking = 1;
constexpr unsigned kEventDefault = 0, kEventNoTiming = 2;

// X(member, exported name, parameters): versioned names, as drivers from 525 (CUDA 12.0) on export them.
#define EASEL_DRIVER_FUNCTIONS(X)                                                                        \
  X(init, "cuInit", (unsigned))                                                                          \
  X(driver_version, "cuDriverGetVersion", (int*))                                                        \
  X(device_count, "cuDeviceGetCount", (int*))                                                            \
  X(device_get, "cuDeviceGet", (CUdevice*, int))                                                         \
  X(device_name, "cuDeviceGetName", (char*, int, CUdevice))                                              \
  X(device_attribute, "cuDeviceGetAttribute", (int*, int, CUdevice))                                     \
  X(context_retain, "cuDevicePrimaryCtxRetain", (CUcontext*, CUdevice))                                  \
  X(context_release, "cuDevicePrimaryCtxRelease_v2", (CUdevice))                                         \
  X(context_set, "cuCtxSetCurrent", (CUcontext))                                                         \
  X(memory_info, "cuMemGetInfo_v2", (size_t*, size_t*))                                                  \
  X(memory_alloc, "cuMemAlloc_v2", (CUdeviceptr*, size_t))                                               \
  X(memory_free, "cuMemFree_v2", (CUdeviceptr))                                                          \
  X(host_alloc, "cuMemAllocHost_v2", (void**, size_t))                                                   \
  X(host_free, "cuMemFreeHost", (void*))                                                                 \
  X(copy_to_device, "cuMemcpyHtoDAsync_v2", (CUdeviceptr, const void*, size_t, CUstream))                \
  X(copy_to_host, "cuMemcpyDtoHAsync_v2", (void*, CUdeviceptr, size_t, CUstream))                        \
  X(copy_on_device, "cuMemcpyDtoDAsync_v2", (CUdeviceptr, CUdeviceptr, size_t, CUstream))                \
  X(set_bytes, "cuMemsetD8Async", (CUdeviceptr, unsigned char, size_t, CUstream))                        \
  X(stream_create, "cuStreamCreate", (CUstream*, unsigned))                                              \
  X(stream_destroy, "cuStreamDestroy_v2", (CUstream))                                                    \
  X(stream_synchronize, "cuStreamSynchronize", (CUstream))                                               \
  X(capture_begin, "cuStreamBeginCapture_v2", (CUstream, int))                                           \
  X(capture_end, "cuStreamEndCapture", (CUstream, CUgraph*))                                             \
  X(graph_instantiate, "cuGraphInstantiateWithFlags", (CUgraphExec*, CUgraph, unsigned long long))       \
  X(graph_launch, "cuGraphLaunch", (CUgraphExec, CUstream))                                              \
  X(graph_destroy, "cuGraphDestroy", (CUgraph))                                                          \
  X(graph_exec_destroy, "cuGraphExecDestroy", (CUgraphExec))                                             \
  X(module_load, "cuModuleLoadData", (CUmodule*, const void*))                                           \
  X(module_unload, "cuModuleUnload", (CUmodule))                                                         \
  X(module_function, "cuModuleGetFunction", (CUfunction*, CUmodule, const char*))                        \
  X(function_set, "cuFuncSetAttribute", (CUfunction, int, int))                                          \
  X(launch, "cuLaunchKernel",                                                                            \
    (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**, \
     void**))                                                                                            \
  X(event_create, "cuEventCreate", (CUevent*, unsigned))                                                 \
  X(event_destroy, "cuEventDestroy_v2", (CUevent))                                                       \
  X(event_record, "cuEventRecord", (CUevent, CUstream))                                                  \
  X(event_synchronize, "cuEventSynchronize", (CUevent))                                                  \
  X(event_elapsed, "cuEventElapsedTime", (float*, CUevent, CUevent))                                     \
  X(error_name, "cuGetErrorName", (CUresult, const char**))                                              \
  X(error_text, "cuGetErrorString", (CUresult, const char**))

struct AddressRange {
  const void* begin;
  size_t bytes;
};

struct Driver {
#define EASEL_MEMBER(member, name, parameters) CUresult(*member) parameters = nullptr;
  EASEL_DRIVER_FUNCTIONS(EASEL_MEMBER)
#undef EASEL_MEMBER
  // From CUDA 12.4 on; null before.
  CUresult (*parameter_info)(CUfunction, size_t index, size_t* offset, size_t* bytes) = nullptr;

  // Tensor maps, for the Hopper path (hopper/choose.cpp).
  CUresult (*map_tiled)(void* map, int type, uint32_t rank, CUdeviceptr, const uint64_t* sides,
                        const uint64_t* steps, const uint32_t* box, const uint32_t* strides, int interleave,
                        int swizzle, int promotion, int fill) = nullptr;
  CUresult (*map_pixels)(void* map, int type, uint32_t rank, CUdeviceptr, const uint64_t* sides,
                         const uint64_t* steps, const int* lower, const int* upper, uint32_t channels,
                         uint32_t pixels, const uint32_t* strides, int interleave, int swizzle, int promotion,
                         int fill) = nullptr;

  // Only the simulator exports these: its kernels, what the next launches may touch, what a kernel did wrong.
  const void* (*simulated_image)() = nullptr;
  void (*simulated_expect)(const AddressRange*, int count) = nullptr;
  const char* (*simulated_fault)() = nullptr;

  std::string path;
  int version = 0;  // 12040 for CUDA 12.4

  // "CUDA_ERROR_OUT_OF_MEMORY (out of memory)"
  std::string text(CUresult status) const;
  // Throws Failure unless status is 0; what: "cuMemAlloc" or a sentence's beginning.
  void check(CUresult status, const char* what) const;
};

// libcuda.so.1, or the library named in EASEL_CUDA_DRIVER; initialised, its version checked. Throws Failure:
// why CUDA cannot be used.
Driver load_driver();

// Whether a context is beyond use after this status, and everything in its memory with it.
bool is_fatal(CUresult status);

}  // namespace easel
