// The stand-in for libcuda.so.1: the functions that kernels/cuda/driver.h names, over the simulated device.
// Here: devices, contexts and the names of errors. transfers.cpp has memory, stream.cpp streams, graphs and
// events, launch.cpp kernels.
#include "context.h"

namespace simt {

int capability() { return int(setting("EASEL_SIMT_CAPABILITY", 86)); }
int shared_most() {
  switch (capability()) {
    case 75:
      return 64 << 10;
    case 80:
      return 163 << 10;
    case 90:
      return 227 << 10;
    default:
      return 99 << 10;
  }
}

}  // namespace simt

using namespace simt;

EXPORT int cuInit(unsigned) { return setting("EASEL_SIMT_DEVICES", 1) > 0 ? kSuccess : kNoDevice; }
EXPORT int cuDriverGetVersion(int* version) {
  *version = int(setting("EASEL_SIMT_DRIVER_VERSION", 13000));
  return kSuccess;
}
EXPORT int cuDeviceGetCount(int* count) {
  *count = int(setting("EASEL_SIMT_DEVICES", 1));
  return kSuccess;
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return kSuccess;
}
EXPORT int cuDeviceGetName(char* name, int length, int) {
  snprintf(name, size_t(length), "simulated sm_%d", capability());
  return kSuccess;
}
EXPORT int cuDeviceGetAttribute(int* value, int which, int) {
  switch (which) {
    case 16:  // multiprocessors: few, so that grid-stride loops take several turns
      *value = int(setting("EASEL_SIMT_MULTIPROCESSORS", 2));
      return kSuccess;
    case 39:  // threads of a multiprocessor
      *value = 1024;
      return kSuccess;
    case 75:
      *value = capability() / 10;
      return kSuccess;
    case 76:
      *value = capability() % 10;
      return kSuccess;
    case 81:
      *value = shared_most() + 1024;
      return kSuccess;
    case 97:
      *value = shared_most();
      return kSuccess;
    default:
      return kInvalidValue;
  }
}
EXPORT int cuDevicePrimaryCtxRetain(void** made, int) {
  std::lock_guard lock(turn);
  fault_text.clear();
  *made = new State;
  return kSuccess;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  std::lock_guard lock(turn);
  delete current;
  current = nullptr;
  return kSuccess;
}
EXPORT int cuCtxSetCurrent(void* chosen) {
  current = static_cast<State*>(chosen);
  return kSuccess;
}

EXPORT int cuGetErrorName(int status, const char** name) {
  switch (status) {
    case kInvalidValue:
      *name = "CUDA_ERROR_INVALID_VALUE";
      return kSuccess;
    case kOutOfMemory:
      *name = "CUDA_ERROR_OUT_OF_MEMORY";
      return kSuccess;
    case kNoDevice:
      *name = "CUDA_ERROR_NO_DEVICE";
      return kSuccess;
    case kOutOfResources:
      *name = "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES";
      return kSuccess;
    case kLaunchFailed:
      *name = "CUDA_ERROR_LAUNCH_FAILED";
      return kSuccess;
    case kUnknown:
      *name = "CUDA_ERROR_UNKNOWN";
      return kSuccess;
    default:
      return kInvalidValue;
  }
}
EXPORT int cuGetErrorString(int, const char**) { return kInvalidValue; }
