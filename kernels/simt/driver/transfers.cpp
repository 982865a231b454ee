// The stand-in driver's memory: allocations, and copies in the order of the stream. Transfers between host
// and device want pinned host memory, which the host part promises to use.
#include <cstring>

#include "context.h"

using namespace simt;

namespace {

bool is_pinned(const void* p, size_t bytes) {
  for (const auto& [begin, size] : context().pinned)
    if (p >= begin && static_cast<const char*>(p) + bytes <= begin + size) return true;
  return false;
}

}  // namespace

EXPORT int cuMemGetInfo_v2(size_t* available, size_t* total) {
  std::lock_guard lock(turn);
  if (context().sticky) return context().sticky;
  *available = device_available();
  *total = device_total();
  return kSuccess;
}
EXPORT int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {
  std::lock_guard lock(turn);
  if (context().sticky) return context().sticky;
  if (bytes == 0) return kInvalidValue;
  char* data = device_alloc(bytes);
  if (!data) return kOutOfMemory;
  *address = reinterpret_cast<unsigned long long>(data);
  return kSuccess;
}
EXPORT int cuMemFree_v2(unsigned long long address) {
  std::lock_guard lock(turn);
  flush();
  return device_free(reinterpret_cast<char*>(address)) ? context().sticky : kInvalidValue;
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
  if (!is_device(pointer(to), bytes) || !is_pinned(from, bytes)) return kInvalidValue;
  if (idle() && bytes <= kSmall) memcpy(const_cast<void*>(pointer(to)), from, bytes);
  return submit([=] {
    memcpy(const_cast<void*>(pointer(to)), from, bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void*) {
  std::lock_guard lock(turn);
  if (!is_device(pointer(from), bytes) || !is_pinned(to, bytes)) return kInvalidValue;
  if (idle() && bytes <= kSmall) memcpy(to, pointer(from), bytes);
  if (idle() && bytes > kSmall) memset(to, 0, bytes);
  return submit([=] {
    memcpy(to, pointer(from), bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void*) {
  std::lock_guard lock(turn);
  if (!is_device(pointer(from), bytes) || !is_device(pointer(to), bytes)) return kInvalidValue;
  return submit([=] {
    memmove(const_cast<void*>(pointer(to)), pointer(from), bytes);
    return int(kSuccess);
  });
}
EXPORT int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void*) {
  std::lock_guard lock(turn);
  if (!is_device(pointer(to), bytes)) return kInvalidValue;
  return submit([=] {
    memset(const_cast<void*>(pointer(to)), value, bytes);
    return int(kSuccess);
  });
}
