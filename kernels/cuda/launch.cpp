// What op files call: kernels by name, grids, zeroing, copies, repacked weights, reports of bad data.
#include <climits>

#include "device.h"

namespace easel {
namespace {

constexpr int kDefaultShared = 48 << 10;  // what a launch may use without asking

CUdeviceptr address(const void* p) { return reinterpret_cast<CUdeviceptr>(p); }

}  // namespace

const Gpu& gpu(const Instruction& i) { return i.device().gpu; }

std::string kernel_name(const char* stem, int32_t dtype) {
  if (!dtype_bytes(dtype)) throw Failure(EASEL_FAILED, "there is no dtype " + std::to_string(dtype));
  return std::string(stem) + "_" + dtype_name(dtype);
}

Grid blocks(const Instruction& i, int64_t n, int threads) {
  const Gpu& g = gpu(i);
  const int64_t needed = (n + threads - 1) / threads;
  const int64_t fill = int64_t(g.multiprocessors) * std::max(1, g.threads_total / threads) * 4;
  return {.x = std::min(needed, fill)};
}

const Function* find_function(const Instruction& i, const std::string& name, const Shape& shape,
                              const uint32_t* sizes, int count) {
  Device& device = i.device();
  const Function* function = device.function(name);
  if (!function) throw Failure(EASEL_UNSUPPORTED, "there is no kernel " + name);
  const Gpu& g = device.gpu;
  if (shape.threads < 1 || shape.threads > 1024)
    i.fail(name + ": a block of " + std::to_string(shape.threads) + " threads");
  if (shape.shared > size_t(g.shared_limit))
    i.fail(name + " wants " + std::to_string(shape.shared) + " bytes of shared memory, " + device.name +
           " has " + std::to_string(g.shared_limit));
  if (shape.grid.x < 0 || shape.grid.y < 0 || shape.grid.z < 0 || shape.grid.x > INT_MAX ||
      shape.grid.y > 65535 || shape.grid.z > 65535)
    i.fail(name + ": a grid of " + std::to_string(shape.grid.x) + " x " + std::to_string(shape.grid.y) +
           " x " + std::to_string(shape.grid.z));
  if (shape.shared > kDefaultShared)
    device.check(device.driver.function_set(function->handle, kMaxDynamicShared, g.shared_limit),
                 name.c_str());
  if (!device.driver.parameter_info) return function;
  for (int k = 0; k <= count; ++k) {
    size_t offset = 0, bytes = 0;
    const bool there =
        device.driver.parameter_info(function->handle, size_t(k), &offset, &bytes) == CUDA_SUCCESS;
    if (there != (k < count) || (there && bytes != sizes[k]))
      i.fail(name + ": argument " + std::to_string(k) + " is not what the kernel takes");
  }
  return function;
}

void enqueue(Device& device, const Function* function, const Shape& s, void** arguments) {
  if (s.grid.x == 0 || s.grid.y == 0 || s.grid.z == 0) return;
  device.check(
      device.driver.launch(function->handle, unsigned(s.grid.x), unsigned(s.grid.y), unsigned(s.grid.z),
                           unsigned(s.threads), 1, 1, unsigned(s.shared), device.stream, arguments, nullptr),
      function->name.c_str());
}

Run zero(const Instruction& i, const void* at, size_t bytes) {
  if (!bytes) return nothing();
  return [&device = i.device(), at, bytes] {
    device.check(device.driver.set_bytes(address(at), 0, bytes, device.stream), "cuMemsetD8Async");
  };
}

Run zero(const Instruction& i, const Scratch& at, size_t bytes) {
  if (!bytes) return nothing();
  return [&device = i.device(), at, bytes] {
    device.check(device.driver.set_bytes(address(at.get()), 0, bytes, device.stream), "cuMemsetD8Async");
  };
}

Run copy_bytes(const Instruction& i, void* to, const void* from, size_t bytes) {
  if (!bytes) return nothing();
  return [&device = i.device(), to, from, bytes] {
    device.check(device.driver.copy_on_device(address(to), address(from), bytes, device.stream),
                 "cuMemcpyDtoDAsync");
  };
}

Run sequence(std::vector<Run> runs) {
  return [runs = std::move(runs)] {
    for (const Run& run : runs) run();
  };
}

Run freshly(const Instruction& i, int fresh, const Tensor& target, Run run) {
  if (i.attr(fresh) == 0) return run;
  return sequence({zero(i, target.data, size_t(target.bytes())), std::move(run)});
}

char* packed(const Instruction& i, const Tensor& frozen, const std::string& layout, size_t bytes,
             const std::function<Run(char*)>& make) {
  if (!frozen.frozen) i.fail("an operand that changes cannot be repacked");
  Device& device = i.device();
  Program& program = i.program();
  const std::string key = std::to_string(frozen.buffer_id) + "+" + std::to_string(frozen.offset) + " " +
                          frozen.text() + " " + layout;
  std::shared_ptr<DeviceMemory> copy = device.packed[key].lock();
  if (!copy) {
    std::erase_if(device.packed, [](const auto& entry) { return entry.second.expired(); });
    copy = std::make_shared<DeviceMemory>(device, bytes);
    if (device.driver.simulated_expect) device.driver.simulated_expect(nullptr, 0);
    make(copy->data)();
    device.packed[key] = copy;
    program.packed_bytes += bytes;
  }
  program.packed.push_back(copy);
  return copy->data;
}

std::vector<int32_t> host_words(const Instruction& i, const Tensor& frozen) {
  i.require(frozen.frozen && frozen.dtype == EASEL_I32, "an operand that changes cannot be read beforehand");
  std::vector<int32_t> words(size_t(frozen.count()));
  i.device().download(reinterpret_cast<char*>(words.data()), frozen.data, words.size() * sizeof(int32_t));
  return words;
}

Fault on_fault(const Instruction& i, std::function<std::string(int64_t, int64_t)> text) {
  i.program().fault_texts[i.index()] = std::move(text);
  return {i.program().fault_words(), i.index()};
}

}  // namespace easel
