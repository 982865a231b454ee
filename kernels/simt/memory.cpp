// The device's memory: one reserved range of addresses, so that every access of a kernel can be told apart
// from its own stack and looked up.
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "simulator.h"

namespace simt {
namespace {

constexpr size_t kReserved = size_t(64) << 30,
                 kBefore = size_t(1) << 30;  // addresses; those before the first allocation
constexpr size_t kStep = 512;                // bytes between allocations that belong to nobody

struct Memory {
  char* base;
  size_t used = 0;
  std::map<char*, size_t> live;  // by address

  Memory() {
    void* p =
        mmap(nullptr, kReserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) abort();
    base = static_cast<char*>(p);
  }
};

Memory& memory() {
  static Memory m;
  return m;
}

struct Shared {
  unsigned char* block;
  Shared() {
    void* p = mmap(nullptr, 2 * kSharedMost, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) abort();
    block = static_cast<unsigned char*>(p);
  }
};

std::vector<Range> allowed;  // by address
const Range* last = nullptr;
size_t shared_allowed = 0;
const char* global_begin = nullptr;
const unsigned char* shared_begin = nullptr;

const void* access_from = nullptr;

}  // namespace

std::string accessed_from() {
  Dl_info info;
  if (!access_from || !dladdr(access_from, &info) || !info.dli_fname) return "an unknown place";
  const std::string file = info.dli_fname;
  char text[64];
  snprintf(text, sizeof text, "+%#zx",
           size_t(static_cast<const char*>(access_from) - static_cast<const char*>(info.dli_fbase)));
  return file.substr(file.rfind('/') + 1) + text;
}

long setting(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text && *text ? strtol(text, nullptr, 10) : otherwise;
}

unsigned char* shared_block() {
  static Shared shared;
  return shared.block;
}

char* device_alloc(size_t bytes) {
  Memory& m = memory();
  const size_t room = (bytes + kStep - 1) / kStep * kStep;
  if (room < bytes || m.used + room > device_total()) return nullptr;
  char* at = m.base + kBefore;  // the first gap that is wide enough
  for (const auto& [begin, size] : m.live) {
    if (begin - at >= ptrdiff_t(room + kStep)) break;
    at = begin + (size + kStep - 1) / kStep * kStep + kStep;
  }
  if (at + room > m.base + kReserved) return nullptr;
  m.live[at] = bytes;
  m.used += room;
  if (!setting("EASEL_SIMT_IDLE", 0))
    memset(at, 0xa5, std::min(bytes, size_t(1) << 16));  // memory starts with whatever was there
  return at;
}

bool device_free(char* data) {
  Memory& m = memory();
  const auto found = m.live.find(data);
  if (found == m.live.end()) return false;
  const size_t room = (found->second + kStep - 1) / kStep * kStep;
  m.used -= room;
  m.live.erase(found);
  const uintptr_t page = 4096, begin = (uintptr_t(data) + page - 1) / page * page,
                  end = (uintptr_t(data) + room) / page * page;
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  return true;
}

size_t device_total() { return size_t(setting("EASEL_SIMT_MEMORY", 4l << 30)); }
size_t device_available() { return device_total() - std::min(device_total(), memory().used); }

bool is_device(const void* p, size_t bytes) {
  const Memory& m = memory();
  const char* at = static_cast<const char*>(p);
  auto next = m.live.upper_bound(const_cast<char*>(at));
  if (next == m.live.begin()) return false;
  --next;
  return at >= next->first && bytes <= next->second && size_t(at - next->first) <= next->second - bytes;
}

void allow(const std::vector<Range>& ranges, size_t shared_bytes) {
  global_begin = memory().base;
  shared_begin = shared_block();
  shared_allowed = shared_bytes;
  allowed = ranges;
  if (ranges.empty())
    for (const auto& [begin, size] : memory().live) allowed.push_back({begin, size});
  last = allowed.empty() ? nullptr : &allowed[0];
}

void check_access(const void* p, size_t bytes, bool store, Place place) {
  const char* at = static_cast<const char*>(p);
  const size_t global = size_t(at - global_begin);  // wraps around for what lies before
  const size_t shared = size_t(static_cast<const unsigned char*>(p) - shared_begin);
  if (global >= kReserved && shared >= 2 * kSharedMost && uintptr_t(p) >= 1 << 16) return;
  char text[200];
  if (bytes <= 16 && (bytes & (bytes - 1)) == 0 && uintptr_t(p) % bytes != 0) {
    snprintf(text, sizeof text, "a %s of %zu bytes at an address that is no multiple of it",
             store ? "store" : "load", bytes);
    fault(place, text);
  }
  if (shared < 2 * kSharedMost) {
    if (shared + bytes <= shared_allowed) return;
    snprintf(text, sizeof text, "a %s of %zu bytes at byte %zu of %zu bytes of shared memory",
             store ? "store" : "load", bytes, shared, shared_allowed);
    fault(place, text);
  }
  const auto within = [&](const Range& r) {
    return at >= r.begin && bytes <= r.bytes && size_t(at - r.begin) <= r.bytes - bytes;
  };
  if (last && within(*last)) return;
  const Range* near = nullptr;
  for (const Range& r : allowed) {
    if (within(r)) {
      last = &r;
      return;
    }
    if (at >= r.begin && (!near || r.begin > near->begin)) near = &r;
  }
  if (near)
    snprintf(text, sizeof text,
             "a %s of %zu bytes at byte %zu of memory that has %zu (or is not this instruction's)",
             store ? "store" : "load", bytes, size_t(at - near->begin), near->bytes);
  else
    snprintf(text, sizeof text, "a %s of %zu bytes of memory that is not this instruction's",
             store ? "store" : "load", bytes);
  fault(place, text);
}

}  // namespace simt

// What g++ -fsanitize=kernel-address calls before every access of a kernel (the checked build).
#define EASEL_CHECK(bytes)                                       \
  extern "C" void __asan_load##bytes##_noabort(const void* p) {  \
    simt::access_from = __builtin_return_address(0);             \
    simt::check_access(p, bytes, false, {});                     \
  }                                                              \
  extern "C" void __asan_store##bytes##_noabort(const void* p) { \
    simt::access_from = __builtin_return_address(0);             \
    simt::check_access(p, bytes, true, {});                      \
  }
EASEL_CHECK(1)
EASEL_CHECK(2)
EASEL_CHECK(4)
EASEL_CHECK(8)
EASEL_CHECK(16)
extern "C" void __asan_loadN_noabort(const void* p, size_t n) {
  simt::access_from = __builtin_return_address(0);
  simt::check_access(p, n, false, {});
}
extern "C" void __asan_storeN_noabort(const void* p, size_t n) {
  simt::access_from = __builtin_return_address(0);
  simt::check_access(p, n, true, {});
}
extern "C" void __asan_handle_no_return() {}
extern "C" void __asan_before_dynamic_init(const char*) {}
extern "C" void __asan_after_dynamic_init() {}
