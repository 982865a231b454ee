// The stand-in for libcuda.so.1: the functions that kernels/cuda/driver.h names, over the simulated device.
// Work of the stream is kept and done only when the caller waits, as late as a GPU may do it; a kernel's
// fault shows then and ruins the context.
#include <chrono>
#include <climits>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "simulator.h"

namespace {

using Work = std::function<int()>;  // gives a CUresult

enum : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kNotFound = 500,
  kOutOfResources = 701,
  kLaunchFailed = 719,
  kUnknown = 999,
};

struct Event {
  double seconds = 0;
};

// A context: what a GPU would keep apart for each process. Here each Device has one, so that a fault of one
// leaves others be.
struct State {
  int sticky = kSuccess;  // what every call gives after a fault
  std::deque<Work> stream;
  bool capturing = false;
  std::vector<Work> captured;
  std::set<std::pair<char*, size_t>> pinned;
  std::map<const void*, int> shared_limits;  // by kernel
  std::vector<simt::Range> expected;
  long launches = 0;
};
// The calling thread's.
thread_local State* current = nullptr;
State& context() {
  static State none;
  return current ? *current : none;
}

// Devices of one process share everything here, as they share a primary context; each has a thread of its
// own.
std::recursive_mutex turn;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int capability() { return int(simt::setting("EASEL_SIMT_CAPABILITY", 86)); }
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

const simt::Kernel* kernels = nullptr;

int flush() {
  std::lock_guard lock(turn);
  while (!context().stream.empty() && context().sticky == kSuccess) {
    context().sticky = context().stream.front()();
    context().stream.pop_front();
  }
  if (context().sticky != kSuccess) context().stream.clear();
  return context().sticky;
}

int submit(Work work) {
  std::lock_guard lock(turn);
  if (context().sticky != kSuccess) return context().sticky;
  if (context().capturing)
    context().captured.push_back(std::move(work));
  else
    context().stream.push_back(std::move(work));
  return kSuccess;
}

bool is_pinned(const void* p, size_t bytes) {
  for (const auto& [begin, size] : context().pinned)
    if (p >= begin && static_cast<const char*>(p) + bytes <= begin + size) return true;
  return false;
}

const void* pointer(unsigned long long address) { return reinterpret_cast<const void*>(address); }

int run_kernel(const simt::Launch& launch) {
  const long most = simt::setting("EASEL_SIMT_LOSE_AFTER", LONG_MAX);
  if (++context().launches > most) return kUnknown;
  return simt::run(launch) ? kSuccess : kLaunchFailed;
}

}  // namespace

void simt::add_kernel(Kernel& kernel) {
  kernel.next = kernels;
  kernels = &kernel;
}

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT const void* easel_simt_image() { return &kernels; }
EXPORT const char* easel_simt_fault() { return simt::fault_text.c_str(); }
EXPORT void easel_simt_expect(const simt::Range* ranges, int count) {
  context().expected.assign(ranges, ranges + count);
}

// For stand-ins of vendor libraries (kernels/simt/vendor): whether the calling thread's context is of this
// simulator; work behind what is in its stream or capture, which gives a CUresult; whether bytes belong to
// the instruction that is being launched.
EXPORT int easel_simt_here() { return current != nullptr; }
EXPORT int easel_simt_submit(int (*work)(void*), void* argument, void (*release)(void*)) {
  const std::shared_ptr<void> kept(argument, release);
  return submit([work, kept] { return work(kept.get()); });
}
EXPORT int easel_simt_owns(const void* p, size_t bytes) {
  if (context().expected.empty()) return simt::is_device(p, bytes);
  const char* at = static_cast<const char*>(p);
  for (const simt::Range& r : context().expected)
    if (at >= r.begin && bytes <= r.bytes && size_t(at - r.begin) <= r.bytes - bytes) return 1;
  return 0;
}

EXPORT int cuInit(unsigned) { return simt::setting("EASEL_SIMT_DEVICES", 1) > 0 ? kSuccess : kNoDevice; }
EXPORT int cuDriverGetVersion(int* version) {
  *version = int(simt::setting("EASEL_SIMT_DRIVER_VERSION", 13000));
  return kSuccess;
}
EXPORT int cuDeviceGetCount(int* count) {
  *count = int(simt::setting("EASEL_SIMT_DEVICES", 1));
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
      *value = 2;
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

  simt::fault_text.clear();
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

EXPORT int cuMemGetInfo_v2(size_t* available, size_t* total) {
  std::lock_guard lock(turn);

  if (context().sticky) return context().sticky;
  *available = simt::device_available();
  *total = simt::device_total();
  return kSuccess;
}
EXPORT int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
  std::lock_guard lock(turn);

  if (context().sticky) return context().sticky;
  if (bytes == 0) return kInvalidValue;
  char* data = simt::device_alloc(bytes);
  if (!data) return kOutOfMemory;
  *address = reinterpret_cast<unsigned long long>(data);
  return kSuccess;
}
EXPORT int cuMemFree_v2(unsigned long long address) {
  std::lock_guard lock(turn);

  flush();
  return simt::device_free(reinterpret_cast<char*>(address)) ? context().sticky : kInvalidValue;
}
EXPORT int cuMemAllocHost_v2(void** data, size_t bytes) {
  std::lock_guard lock(turn);

  *data = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  context().pinned.insert({static_cast<char*>(*data), bytes});
  return kSuccess;
}
EXPORT int cuMemFreeHost(void* data) {
  std::lock_guard lock(turn);

  flush();
  for (auto at = context().pinned.begin(); at != context().pinned.end(); ++at)
    if (at->first == data) {
      context().pinned.erase(at);
      std::free(data);
      return kSuccess;
    }
  return kInvalidValue;
}

EXPORT int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void*) {
  std::lock_guard lock(turn);

  if (!simt::is_device(pointer(to), bytes) || !is_pinned(from, bytes)) return kInvalidValue;
  return submit([=] {
    memcpy(const_cast<void*>(pointer(to)), from, bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void*) {
  std::lock_guard lock(turn);

  if (!simt::is_device(pointer(from), bytes) || !is_pinned(to, bytes)) return kInvalidValue;
  return submit([=] {
    memcpy(to, pointer(from), bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void*) {
  std::lock_guard lock(turn);

  if (!simt::is_device(pointer(from), bytes) || !simt::is_device(pointer(to), bytes)) return kInvalidValue;
  return submit([=] {
    memmove(const_cast<void*>(pointer(to)), pointer(from), bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void*) {
  std::lock_guard lock(turn);

  if (!simt::is_device(pointer(to), bytes)) return kInvalidValue;
  return submit([=] {
    memset(const_cast<void*>(pointer(to)), value, bytes);
    return int(kSuccess);
  });
}

EXPORT int cuStreamCreate(void** stream, unsigned) {
  *stream = &context().stream;
  return context().sticky;
}
EXPORT int cuStreamDestroy_v2(void*) { return flush(); }
EXPORT int cuStreamSynchronize(void*) { return context().capturing ? kInvalidValue : flush(); }
EXPORT int cuStreamBeginCapture_v2(void*, int) {
  std::lock_guard lock(turn);

  if (context().sticky) return context().sticky;
  context().capturing = true;
  context().captured.clear();
  return kSuccess;
}
EXPORT int cuStreamEndCapture(void*, void** graph) {
  std::lock_guard lock(turn);

  context().capturing = false;
  *graph = new std::vector<Work>(std::move(context().captured));
  return context().sticky;
}
EXPORT int cuGraphInstantiateWithFlags(void** instance, void* graph, unsigned long long) {
  *instance = new std::vector<Work>(*static_cast<std::vector<Work>*>(graph));
  return context().sticky;
}
EXPORT int cuGraphLaunch(void* instance, void*) {
  for (const Work& work : *static_cast<std::vector<Work>*>(instance)) {
    const int status = submit(work);
    if (status) return status;
  }
  return kSuccess;
}
EXPORT int cuGraphDestroy(void* graph) {
  delete static_cast<std::vector<Work>*>(graph);
  return kSuccess;
}
EXPORT int cuGraphExecDestroy(void* instance) {
  flush();
  delete static_cast<std::vector<Work>*>(instance);
  return kSuccess;
}

EXPORT int cuModuleLoadData(void** module, const void*) {
  *module = &kernels;
  return context().sticky;
}
EXPORT int cuModuleUnload(void*) { return flush(); }
EXPORT int cuModuleGetFunction(const void** function, void*, const char* name) {
  for (const simt::Kernel* k = kernels; k; k = k->next)
    if (!strcmp(k->name, name)) {
      *function = k;
      return kSuccess;
    }
  return kNotFound;
}
EXPORT int cuFuncGetParamInfo(const simt::Kernel* kernel, size_t index, size_t* offset, size_t* bytes) {
  if (index >= size_t(kernel->parameters)) return kInvalidValue;
  *offset = simt::argument_offsets(*kernel)[index];
  *bytes = kernel->sizes[index];
  return kSuccess;
}
EXPORT int cuFuncSetAttribute(const void* function, int which, int value) {
  std::lock_guard lock(turn);

  if (which != 8 || value < 0 || value > shared_most()) return kInvalidValue;
  context().shared_limits[function] = value;
  return kSuccess;
}
EXPORT int cuLaunchKernel(const simt::Kernel* kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                          unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, void*,
                          void** arguments, void**) {
  std::lock_guard lock(turn);

  if (!grid_x || !grid_y || !grid_z || grid_x > INT_MAX || grid_y > 65535 || grid_z > 65535)
    return kInvalidValue;
  if (!block_x || block_y != 1 || block_z != 1) return kInvalidValue;
  if (block_x > unsigned(kernel->threads) || block_x > 1024) return kOutOfResources;
  const auto limit = context().shared_limits.find(kernel);
  if (shared > unsigned(limit == context().shared_limits.end() ? 48 << 10 : limit->second))
    return kInvalidValue;
  const std::vector<size_t> offsets = simt::argument_offsets(*kernel);
  simt::Launch launch{kernel, {grid_x, grid_y, grid_z},          {block_x, 1, 1},
                      shared, std::vector<char>(offsets.back()), context().expected};
  for (size_t k = 0; k < size_t(kernel->parameters); ++k)
    memcpy(launch.arguments.data() + offsets[k], arguments[k], kernel->sizes[k]);
  return submit([launch = std::move(launch)] { return run_kernel(launch); });
}

EXPORT int cuEventCreate(void** event, unsigned) {
  *event = new Event;
  return context().sticky;
}
EXPORT int cuEventDestroy_v2(void* event) {
  flush();
  delete static_cast<Event*>(event);
  return kSuccess;
}
EXPORT int cuEventRecord(void* event, void*) {
  return submit([event] {
    static_cast<Event*>(event)->seconds = now();
    return int(kSuccess);
  });
}
EXPORT int cuEventSynchronize(void*) { return flush(); }
EXPORT int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
  *milliseconds = float(1e3 * (static_cast<Event*>(end)->seconds - static_cast<Event*>(begin)->seconds));
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
