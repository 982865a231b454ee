// The executor's own objects behind the opaque handles of easel.h.
#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel.h"

struct easel_buffer {
  char* data;
  uint64_t bytes;
  uint64_t id;
};

namespace easel {

struct Failure : std::runtime_error {
  Failure(int32_t status, const std::string& text) : std::runtime_error(text), status(status) {}
  int32_t status;
};

// Weights repacked into a primitive's layout, shared by the programs that need them.
struct Packed {
  explicit Packed(size_t bytes);
  ~Packed();
  Packed(const Packed&) = delete;
  Packed& operator=(const Packed&) = delete;
  char* data;
  size_t bytes;
};

// All work runs on one thread of the device's own: OpenMP keeps one team of workers for it, whichever thread
// the caller is on, and calls do not overlap.
struct Device {
  explicit Device(int threads);
  ~Device();
  void call(const std::function<void()>& work);  // rethrows what work throws
  void set_error(const char* text);

  int threads;
  const char* isa;
  const Prepare* kernels;
  uint64_t next_buffer_id = 1;
  char error[4096] = "";

  // The repacked copy named by key, made by `make` unless a living program has it already.
  std::shared_ptr<Packed> packed(const std::string& key, size_t bytes, const std::function<void(char*)>& make,
                                 Program& owner);

 private:
  void serve();
  std::mutex callers_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void()>* work_ = nullptr;
  std::exception_ptr thrown_;
  bool stop_ = false;
  std::map<std::string, std::weak_ptr<Packed>> packed_;
  std::thread thread_;
};

struct Program {
  Program(Device& device, const easel_tensor* tensors, int tensor_count,
          const easel_instruction* instructions, int instruction_count, easel_buffer* const* buffers,
          int buffer_count);
  ~Program();
  void run(double* seconds);

  std::vector<Tensor> tensors;
  std::vector<Run> steps;
  std::vector<std::string> texts;  // "instruction 12 conv2d f32[..] <- ..", for errors
  std::vector<std::shared_ptr<Packed>> packed;
  size_t packed_bytes = 0;  // what this program was the first to repack
  size_t scratch_bytes = 0;
  char* scratch = nullptr;
};

// Runs body, turns exceptions into a status and the device's error text.
int32_t guarded(Device* device, const std::function<void()>& body);

// 64-byte aligned memory, zeroed, in huge pages where that pays; throws Failure(EASEL_OUT_OF_MEMORY).
char* allocate(uint64_t bytes);
void release(char* data, uint64_t bytes);

}  // namespace easel

struct easel_device : easel::Device {
  using Device::Device;
};
struct easel_program : easel::Program {
  using Program::Program;
};
