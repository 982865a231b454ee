// Opening a device, its worker thread, its description, and how failures reach the caller.
#include "device.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "dnnl.hpp"

namespace easel {

#define EASEL_TABLE(isa)         \
  namespace isa {                \
  const Prepare* kernel_table(); \
  bool rounds_weights();         \
  }
EASEL_TABLE(v2)
#ifdef EASEL_LEVELS
EASEL_TABLE(v3)
EASEL_TABLE(v4)
#endif

namespace {

// The highest instruction-set level of this processor, or a lower one named by EASEL_CPU_ISA (for tests).
void choose_kernels(Device& d) {
  d.isa = "v2";
  d.kernels = v2::kernel_table();
  d.rounds_weights = v2::rounds_weights;
#ifdef EASEL_LEVELS
  const char* wanted = getenv("EASEL_CPU_ISA");
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) throw Failure(EASEL_UNSUPPORTED, "this processor has no SSE4.2");
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
  if (wanted && !strcmp(wanted, "v2")) return;
  d.isa = "v3";
  d.kernels = v3::kernel_table();
  d.rounds_weights = v3::rounds_weights;
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512cd");
  if (!v4 || (wanted && !strcmp(wanted, "v3"))) return;
  d.isa = "v4";
  d.kernels = v4::kernel_table();
  d.rounds_weights = v4::rounds_weights;
#endif
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

bool cpu_flag(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("flags", 0) == 0) return (line + " ").find(" " + name + " ") != std::string::npos;
  return false;
}

uint64_t memory_bytes(const char* key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return strtoull(line.c_str() + strlen(key) + 1, nullptr, 10) * 1024;
  return 0;
}

}  // namespace

Device::Device(int wanted)
    // More threads than OpenMP would start (OMP_THREAD_LIMIT) would leave part of the work undone.
    : threads(std::min(wanted > 0 ? wanted : omp_get_num_procs(), omp_get_thread_limit())), worker([this] {
        omp_set_dynamic(0);
        omp_set_num_threads(threads);
      }) {
  choose_kernels(*this);
}

std::string Device::info() const {
  const auto flag = [](const char* name) { return cpu_flag(name) ? "true" : "false"; };
  const dnnl_version_t* v = dnnl_version();
  std::ostringstream s;
  s << "{\"backend\":\"cpu\",\"name\":" << json_quoted(cpu_name()) << ",\"threads\":" << threads
    << ",\"isa\":" << json_quoted(isa) << ",\"features\":{\"avx2\":" << flag("avx2")
    << ",\"avx512\":" << flag("avx512f") << ",\"avx512_bf16\":" << flag("avx512_bf16")
    << ",\"amx\":" << flag("amx_tile") << "},\"rounds_weights\":" << (rounds_weights() ? "true" : "false")
    << ",\"onednn\":\"" << v->major << "." << v->minor << "." << v->patch
    << "\",\"memory\":{\"total\":" << memory_bytes("MemTotal:")
    << ",\"available\":" << memory_bytes("MemAvailable:") << ",\"swap\":" << memory_bytes("SwapFree:")
    << "}}";
  return s.str();
}

Block::Block(size_t bytes) : data(allocate(bytes)), bytes(bytes) {}
Block::~Block() { release(data, bytes); }

std::shared_ptr<Block> Device::packed(const std::string& key, const std::string& layout, size_t bytes,
                                      const std::function<void(char*)>& make, Program& owner) {
  std::shared_ptr<Block> copy = packed_[key + layout].lock();
  if (!copy) {
    std::erase_if(packed_, [](const auto& entry) { return entry.second.expired(); });
    copy = std::make_shared<Block>(bytes);
    make(copy->data);
    packed_[key + layout] = copy;
    owner.packed_bytes += int64_t(bytes);
  }
  owner.packed.push_back(copy);
  return copy;
}

std::pair<std::shared_ptr<Block>, std::string> Device::find_packed(const std::string& key,
                                                                   const std::string& layout) const {
  if (const auto at = packed_.find(key + layout); at != packed_.end())
    if (auto copy = at->second.lock()) return {copy, layout};
  for (auto at = packed_.lower_bound(key); at != packed_.end() && at->first.starts_with(key); ++at)
    if (auto copy = at->second.lock()) return {copy, at->first.substr(key.size())};
  return {};
}

std::shared_ptr<Block> Device::scratch(size_t bytes, Program& owner) {
  std::shared_ptr<Block> block = scratch_.lock();
  if (!block || block->bytes < bytes) {
    block = std::make_shared<Block>(bytes);
    scratch_ = block;
    owner.new_scratch_bytes = bytes;
  }
  return block;
}

}  // namespace easel

using namespace easel;

// Memory is counted by the caller, and there are no vendor libraries to choose from.
int32_t easel_device_open(int32_t ordinal, int32_t threads, uint64_t, const char*, easel_device** out) {
  return guarded(nullptr, [&] {
    *out = nullptr;
    if (ordinal != 0)
      throw Failure(EASEL_FAILED, "cpu: there is only device 0, not " + std::to_string(ordinal));
    if (threads < 0 || threads > 4096)
      throw Failure(EASEL_FAILED, "cpu: " + std::to_string(threads) + " threads is no sensible number");
    *out = new easel_device(threads);
  });
}
