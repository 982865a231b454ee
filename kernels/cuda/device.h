// The backend's own objects behind the opaque handles of easel.h.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../executor/buffer.h"
#include "../executor/worker.h"
#include "captured.h"
#include "driver.h"
#include "kernel.h"

namespace easel {

struct Vendor;

struct Function {
  CUfunction handle;
  std::string name;
};

// EASEL_CUDA_HOPPER: whether our kernels for compute capability 9.0 are tried beside the others (1), or taken
// wherever they can compute something (always).
enum class Hopper { kOff, kTried, kAlways };

// Memory of the device that frees itself.
struct DeviceMemory {
  DeviceMemory(Device& device, size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  Device& device;
  char* data;
  size_t bytes;
};

// Pinned host memory in a few slots, through which every transfer goes: the driver copies from such memory at
// full speed and without waiting, and a slot is filled while the one before is still under way.
class Staging {
 public:
  static constexpr size_t kSlots = 4, kBytes = 4 << 20;
  struct Slot {
    char* host = nullptr;
    CUevent used = nullptr;
  };
  explicit Staging(Device& device) : device_(device) {}
  ~Staging();
  // The next slot, no longer in use.
  Slot& next();

 private:
  Device& device_;
  Slot slots_[kSlots];
  size_t at_ = 0;
};

// All functions but call() and info() run on the device's thread, where its context is current.
struct Device {
  // limit: most bytes to allocate at once, 0 for what there is; vendor_folder as in vendor/vendor.h.
  Device(int ordinal, uint64_t limit, const char* vendor_folder);
  ~Device();
  // Runs work on the device's thread; refuses once the device is lost.
  void call(const std::function<void()>& work);
  // Throws Failure unless status is 0; remembers when the context is beyond use.
  void check(CUresult status, const char* what);
  void synchronize(const char* what);
  char* allocate(uint64_t bytes, const char* what);  // zeroed; throws Failure(EASEL_OUT_OF_MEMORY)
  void release(char* data, uint64_t bytes);
  uint64_t room();  // bytes that can still be allocated
  void upload(char* to, const char* from, uint64_t bytes);
  void download(char* to, const char* from, uint64_t bytes);
  const Function* function(const std::string& name);  // null when there is none
  std::string info();

  Driver driver;
  int ordinal;
  std::string name;
  Gpu gpu{};
  CUdevice handle = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  std::vector<CUmodule> modules;
  std::map<std::string, std::unique_ptr<Function>> functions;
  std::map<std::string, std::weak_ptr<DeviceMemory>> packed;
  std::weak_ptr<DeviceMemory> scratch;  // the newest; programs run one after the other, so they share it
  std::unique_ptr<Staging> staging;
  std::unique_ptr<Vendor> vendor;
  Hopper hopper = Hopper::kOff;
  bool step_by_step = false;  // EASEL_CUDA_SYNC=1: no graphs, every instruction waited for
  bool blocks_tried = false;  // EASEL_CUDA_BLOCKS=tried, see tile_trials.h
  uint64_t next_buffer_id = 1;
  ErrorText error;
  std::string lost;               // why the device cannot be used any more
  uint64_t limit, allocated = 0;  // bytes; limit 0: none

  Worker worker;  // last: it stops before what its work uses goes

 private:
  void open(const char* vendor_folder);
  void load_modules();
  void close();
};

struct Program : Operands {
  Program(Device& device, const easel_tensor* tensors, int tensor_count,
          const easel_instruction* instructions, int instruction_count, easel_buffer* const* buffers,
          int buffer_count);
  ~Program();
  void run();
  void profile(double* seconds);

  Device& device;
  std::vector<Run> steps;
  std::vector<std::string> texts;  // "instruction 12 conv2d f32[..] <- ..", for errors
  std::vector<std::shared_ptr<DeviceMemory>> packed;
  size_t packed_bytes = 0;       // what this program was the first to repack
  size_t new_scratch_bytes = 0;  // of the scratch that this program was the first to need
  std::map<int64_t, std::function<std::string(int64_t, int64_t)>> fault_texts;
  unsigned long long* fault_words();  // device memory, made when first asked for
  // Counters of blocks that finish a tile together, one a tile. Every launch leaves them at 0, so all
  // products of a program share them.
  static constexpr int64_t kTickets = 4096;
  unsigned* tickets();

 private:
  void prepare(const easel_instruction* instructions, int count);
  void step(size_t k);
  void run_each();
  void capture();
  void read_faults();
  [[noreturn]] void fail(size_t k, const std::exception& e) const;
  void expect(size_t k) const;
  std::vector<std::vector<AddressRange>> ranges_;  // what each instruction may touch, for the simulator
  std::shared_ptr<DeviceMemory> scratch_memory_;
  std::unique_ptr<DeviceMemory> fault_memory_, ticket_memory_;
  unsigned long long* seen_faults_ = nullptr;  // pinned
  std::unique_ptr<Captured> graph_;
  bool proved_ = false;
};

// The fatbins that were embedded when the library was built (images.cpp).
struct Image {
  const char* name;
  const void* begin;
  const void* end;
};
extern const Image kImages[];
extern const int kImageCount;
extern const char* const kToolkit;  // "13.0": the CUDA version of nvcc, or ""

}  // namespace easel

struct easel_device : easel::Device {
  using Device::Device;
};
struct easel_program : easel::Program {
  using Program::Program;
};
