// The stand-in driver's modules and launches: every kernel that is linked in, by name.
#include <climits>
#include <cstring>

#include "context.h"

using namespace simt;

namespace {

const Kernel* kernels = nullptr;
long launched = 0;  // in this process

int run_kernel(const Launch& launch) {
  const long most = setting("EASEL_SIMT_LOSE_AFTER", LONG_MAX);
  if (++context().launches > most) return kUnknown;
  return simt::run(launch) ? kSuccess : kLaunchFailed;
}

}  // namespace

void simt::add_kernel(Kernel& kernel) {
  kernel.next = kernels;
  kernels = &kernel;
}

EXPORT const void* easel_simt_image() { return &kernels; }
EXPORT long easel_simt_launches() { return launched; }
EXPORT const char* easel_simt_fault() { return fault_text.c_str(); }

EXPORT int cuModuleLoadData(void** module, const void*) {
  *module = &kernels;
  return context().sticky;
}
EXPORT int cuModuleUnload(void*) { return flush(); }
EXPORT int cuModuleGetFunction(const void** function, void*, const char* name) {
  for (const Kernel* k = kernels; k; k = k->next)
    if (!strcmp(k->name, name)) {
      *function = k;
      return kSuccess;
    }
  return kNotFound;
}
EXPORT int cuFuncGetParamInfo(const Kernel* kernel, size_t index, size_t* offset, size_t* bytes) {
  if (index >= size_t(kernel->parameters)) return kInvalidValue;
  *offset = argument_offsets(*kernel)[index];
  *bytes = kernel->sizes[index];
  return kSuccess;
}
EXPORT int cuFuncSetAttribute(const void* function, int which, int value) {
  std::lock_guard lock(turn);
  if (which != 8 || value < 0 || value > shared_most()) return kInvalidValue;
  context().shared_limits[function] = value;
  return kSuccess;
}
EXPORT int cuLaunchKernel(const Kernel* kernel, unsigned grid_x, unsigned grid_y, unsigned grid_z,
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
  ++launched;
  const std::vector<size_t> offsets = argument_offsets(*kernel);
  Launch launch{kernel, {grid_x, grid_y, grid_z},          {block_x, 1, 1},
                shared, std::vector<char>(offsets.back()), context().expected};
  for (size_t k = 0; k < size_t(kernel->parameters); ++k)
    memcpy(launch.arguments.data() + offsets[k], arguments[k], kernel->sizes[k]);
  return submit([launch = std::move(launch)] { return run_kernel(launch); });
}
