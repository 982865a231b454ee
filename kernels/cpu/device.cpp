// Opening a device, its worker thread, its description, and how failures reach the caller.
#include "device.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "dnnl.hpp"

namespace easel {

#define EASEL_TABLE(isa)         \
  namespace isa {                \
  const Prepare* kernel_table(); \
  }
EASEL_TABLE(v2)
#ifdef EASEL_LEVELS
EASEL_TABLE(v3)
EASEL_TABLE(v4)
#endif

namespace {

char open_error[1024] = "";
std::mutex open_error_mutex;

void copy_line(char* target, size_t capacity, const char* text) {
  snprintf(target, capacity, "%s", text);
  for (char* c = target; *c; ++c)
    if (*c == '\n' || *c == '\r') *c = ' ';
}

// The highest instruction-set level of this processor, or a lower one named by EASEL_CPU_ISA (for tests).
void choose_kernels(const char** isa, const Prepare** kernels) {
  *isa = "v2";
  *kernels = v2::kernel_table();
#ifdef EASEL_LEVELS
  const char* wanted = getenv("EASEL_CPU_ISA");
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) throw Failure(EASEL_UNSUPPORTED, "this processor has no SSE4.2");
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return;
  if (wanted && !strcmp(wanted, "v2")) return;
  *isa = "v3";
  *kernels = v3::kernel_table();
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512cd");
  if (!v4 || (wanted && !strcmp(wanted, "v3"))) return;
  *isa = "v4";
  *kernels = v4::kernel_table();
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

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (uint8_t(c) >= 32) out += c;
  }
  return out + "\"";
}

std::string info(const Device& device) {
  const auto flag = [](const char* name) { return cpu_flag(name) ? "true" : "false"; };
  const dnnl_version_t* v = dnnl_version();
  std::ostringstream s;
  s << "{\"backend\":\"cpu\",\"name\":" << quoted(cpu_name()) << ",\"threads\":" << device.threads
    << ",\"isa\":" << quoted(device.isa) << ",\"features\":{\"avx2\":" << flag("avx2")
    << ",\"avx512\":" << flag("avx512f") << ",\"avx512_bf16\":" << flag("avx512_bf16")
    << ",\"amx\":" << flag("amx_tile") << "},\"onednn\":\"" << v->major << "." << v->minor << "." << v->patch
    << "\",\"memory\":{\"total\":" << memory_bytes("MemTotal:")
    << ",\"available\":" << memory_bytes("MemAvailable:") << "}}";
  return s.str();
}

}  // namespace

Device::Device(int wanted) : threads(wanted > 0 ? wanted : omp_get_num_procs()) {
  choose_kernels(&isa, &kernels);
  thread_ = std::thread([this] { serve(); });
}

Device::~Device() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Device::serve() {
  omp_set_dynamic(0);
  omp_set_num_threads(threads);
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || work_; });
    if (!work_) return;
    try {
      (*work_)();
    } catch (...) {
      thrown_ = std::current_exception();
    }
    work_ = nullptr;
    done_.notify_one();
  }
}

void Device::call(const std::function<void()>& work) {
  std::lock_guard turn(callers_);
  std::unique_lock lock(mutex_);
  work_ = &work;
  wake_.notify_one();
  done_.wait(lock, [this] { return !work_; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Device::set_error(const char* text) { copy_line(error, sizeof error, text); }

int32_t guarded(Device* device, const std::function<void()>& body) {
  int32_t status = EASEL_OK;
  std::string text;
  try {
    body();
  } catch (const Failure& e) {
    status = e.status;
    text = e.what();
  } catch (const std::bad_alloc&) {
    status = EASEL_OUT_OF_MEMORY;
    text = "out of memory";
  } catch (const std::exception& e) {
    status = EASEL_FAILED;
    text = e.what();
  } catch (...) {
    status = EASEL_FAILED;
    text = "unknown failure";
  }
  if (status != EASEL_OK) {
    if (device) {
      device->set_error(text.c_str());
    } else {
      std::lock_guard lock(open_error_mutex);
      copy_line(open_error, sizeof open_error, text.c_str());
    }
  }
  return status;
}

Packed::Packed(size_t bytes) : data(allocate(bytes)), bytes(bytes) {}
Packed::~Packed() { release(data, bytes); }

std::shared_ptr<Packed> Device::packed(const std::string& key, size_t bytes,
                                       const std::function<void(char*)>& make, Program& owner) {
  std::shared_ptr<Packed> copy = packed_[key].lock();
  if (!copy) {
    std::erase_if(packed_, [](const auto& entry) { return entry.second.expired(); });
    copy = std::make_shared<Packed>(bytes);
    make(copy->data);
    packed_[key] = copy;
    owner.packed_bytes += bytes;
  }
  owner.packed.push_back(copy);
  return copy;
}

}  // namespace easel

using namespace easel;

uint32_t easel_abi(void) { return EASEL_ABI; }
uint64_t easel_record_sizes(void) {
  return uint64_t(sizeof(easel_tensor)) << 32 | uint64_t(sizeof(easel_instruction));
}

int32_t easel_device_open(int32_t ordinal, int32_t threads, easel_device** out) {
  return guarded(nullptr, [&] {
    *out = nullptr;
    if (ordinal != 0)
      throw Failure(EASEL_FAILED, "cpu: there is only device 0, not " + std::to_string(ordinal));
    if (threads < 0 || threads > 4096)
      throw Failure(EASEL_FAILED, "cpu: " + std::to_string(threads) + " threads is no sensible number");
    *out = new easel_device(threads);
  });
}

void easel_device_close(easel_device* device) { delete device; }

int64_t easel_device_info(easel_device* device, char* text, int64_t capacity) {
  int64_t needed = -1;
  guarded(device, [&] {
    const std::string json = info(*device);
    needed = int64_t(json.size()) + 1;
    if (text && capacity > 0) snprintf(text, size_t(capacity), "%s", json.c_str());
  });
  return needed;
}

const char* easel_error(easel_device* device) { return device ? device->error : open_error; }
