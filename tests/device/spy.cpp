// Stands between easel and NVIDIA's driver and counts: launches, nodes of graphs, the GPU's time of each
// replay, the bytes held, and of each kernel its registers and how many of its blocks fit on a
// multiprocessor. EASEL_CUDA_DRIVER names it, tests/bench/spy.ts reads it, pack.ts builds it. It is linked
// with the driver's library: what it does not define, dlsym() finds there.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

using Handle = void*;
using Address = unsigned long long;

constexpr int kAttributeShared = 1, kAttributeLocal = 3, kAttributeRegisters = 4, kKernelNode = 0;

struct Kernel {
  std::string name;
  long launches = 0;
  int threads = 0, shared = 0, registers = -1, local = -1, blocks = -1;
};

// In the order of NAMES in tests/bench/spy.ts.
struct Counts {
  double launches, fills, copies, capture_ms, instantiate_ms, nodes, kernel_nodes, replay_ms, held_bytes,
      peak_bytes, load_ms, refused_events;
} seen;

// easel calls the driver from one thread at a time for each device; more than one device is not counted.
std::map<Handle, Kernel> kernels;
std::map<Address, size_t> sizes;
double capture_from;
Handle before, after;  // events around the last replay
bool replayed;

double milliseconds() {
  using namespace std::chrono;
  return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

template <typename... A>
int real(const char* name, A... arguments) {
  static const Handle driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto function = driver ? reinterpret_cast<int (*)(A...)>(dlsym(driver, name)) : nullptr;
  return function ? function(arguments...) : 500;  // not found
}

int attribute(Handle function, int which) {
  int value = -1;
  return real("cuFuncGetAttribute", &value, which, function) == 0 ? value : -1;
}

void count_nodes(Handle graph) {
  size_t count = 0;
  if (real("cuGraphGetNodes", graph, static_cast<Handle*>(nullptr), &count) != 0) return;
  std::vector<Handle> all(count);
  seen.nodes += double(count);
  if (!count || real("cuGraphGetNodes", graph, all.data(), &count) != 0) return;
  for (Handle node : all) {
    int type = -1;
    if (real("cuGraphNodeGetType", node, &type) == 0 && type == kKernelNode) ++seen.kernel_nodes;
  }
}

}  // namespace

extern "C" {

int cuModuleLoadData(Handle* module, const void* image) {
  const double from = milliseconds();
  const int status = real("cuModuleLoadData", module, image);
  seen.load_ms += milliseconds() - from;
  return status;
}

int cuModuleGetFunction(Handle* function, Handle module, const char* name) {
  const int status = real("cuModuleGetFunction", function, module, name);
  if (status == 0) kernels[*function].name = name;
  return status;
}

int cuMemAlloc_v2(Address* at, size_t bytes) {
  const int status = real("cuMemAlloc_v2", at, bytes);
  if (status != 0) return status;
  sizes[*at] = bytes;
  seen.held_bytes += double(bytes);
  seen.peak_bytes = std::max(seen.peak_bytes, seen.held_bytes);
  return status;
}

int cuMemFree_v2(Address at) {
  const auto found = sizes.find(at);
  if (found != sizes.end()) {
    seen.held_bytes -= double(found->second);
    sizes.erase(found);
  }
  return real("cuMemFree_v2", at);
}

int cuMemsetD8Async(Address at, unsigned char value, size_t bytes, Handle stream) {
  ++seen.fills;
  return real("cuMemsetD8Async", at, value, bytes, stream);
}

int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Handle stream) {
  ++seen.copies;
  return real("cuMemcpyDtoDAsync_v2", to, from, bytes, stream);
}

int cuLaunchKernel(Handle f, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz,
                   unsigned shared, Handle stream, void** parameters, void** extra) {
  ++seen.launches;
  Kernel& k = kernels[f];
  if (!k.launches++) {
    k.threads = int(tx * ty * tz);
    k.shared = int(shared) + std::max(0, attribute(f, kAttributeShared));
    k.registers = attribute(f, kAttributeRegisters);
    k.local = attribute(f, kAttributeLocal);
    real("cuOccupancyMaxActiveBlocksPerMultiprocessor", &k.blocks, f, k.threads, size_t(shared));
  }
  return real("cuLaunchKernel", f, x, y, z, tx, ty, tz, shared, stream, parameters, extra);
}

int cuStreamBeginCapture_v2(Handle stream, int mode) {
  capture_from = milliseconds();
  return real("cuStreamBeginCapture_v2", stream, mode);
}

int cuStreamEndCapture(Handle stream, Handle* graph) {
  const int status = real("cuStreamEndCapture", stream, graph);
  seen.capture_ms += milliseconds() - capture_from;
  return status;
}

int cuGraphInstantiateWithFlags(Handle* executable, Handle graph, unsigned long long flags) {
  count_nodes(graph);
  const double from = milliseconds();
  const int status = real("cuGraphInstantiateWithFlags", executable, graph, flags);
  seen.instantiate_ms += milliseconds() - from;
  return status;
}

int cuGraphLaunch(Handle executable, Handle stream) {
  if (!before && (real("cuEventCreate", &before, 0u) != 0 || real("cuEventCreate", &after, 0u) != 0))
    before = nullptr;
  const bool started = before && real("cuEventRecord", before, stream) == 0;
  const int status = real("cuGraphLaunch", executable, stream);
  replayed = started && real("cuEventRecord", after, stream) == 0;
  if (!replayed) ++seen.refused_events;
  return status;
}

int cuStreamSynchronize(Handle stream) {
  const int status = real("cuStreamSynchronize", stream);
  float ms = 0;
  if (status == 0 && replayed && real("cuEventElapsedTime", &ms, before, after) == 0)
    seen.replay_ms += double(ms);
  replayed = false;
  return status;
}

void spy_read(Counts* out) { *out = seen; }

void spy_new_peak() { seen.peak_bytes = seen.held_bytes; }

void spy_kernels(const char* path) {
  FILE* file = fopen(path, "a");
  if (!file) return;
  for (const auto& [handle, k] : kernels)
    if (k.launches)
      fprintf(file,
              "%-44s launches %7ld threads %4d shared %6d registers %3d local %4d blocks on a multiprocessor "
              "%2d\n",
              k.name.c_str(), k.launches, k.threads, k.shared, k.registers, k.local, k.blocks);
  fclose(file);
}
}
