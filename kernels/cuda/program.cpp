// A program: one closure an instruction. The first run waits for each instruction, so that a kernel that
// fails is named with its shapes; then the whole list is captured once as a CUDA graph, which every later run
// replays with one call.
#include <cmath>

#include "device.h"
#include "vendor/vendor.h"

namespace easel {
namespace {

constexpr size_t kFaultBytes = 3 * sizeof(unsigned long long);

CUdeviceptr address(const void* p) { return reinterpret_cast<CUdeviceptr>(p); }

}  // namespace

Program::Program(Device& device, const easel_tensor* tensor_table, int tensor_count,
                 const easel_instruction* instructions, int instruction_count, easel_buffer* const* buffers,
                 int buffer_count)
    : device(device) {
  tensors = resolve_tensors(tensor_table, tensor_count, buffers, buffer_count);
  try {
    prepare(instructions, instruction_count);
  } catch (...) {
    device.vendor->trial_memory.reset();
    throw;
  }
  device.vendor->trial_memory.reset();
  if (device.vendor->choices) device.vendor->choices->save();
  if (scratch_bytes) {
    scratch_memory_ = device.scratch.lock();
    if (!scratch_memory_ || scratch_memory_->bytes < scratch_bytes) {
      scratch_memory_ = std::make_shared<DeviceMemory>(device, scratch_bytes);
      device.scratch = scratch_memory_;
      new_scratch_bytes = scratch_bytes;
    }
    scratch = scratch_memory_->data;
  }
  device.synchronize("preparing a program");  // repacked weights are there, or their kernel's failure is
}

Program::~Program() {
  if (seen_faults_) device.driver.host_free(seen_faults_);
}

void Program::prepare(const easel_instruction* instructions, int count) {
  const Prepare* const kernels = kernel_table();
  for (int k = 0; k < count; ++k) {
    const Instruction i(device, *this, *this, instructions[k], k);
    texts.push_back(i.text());
    std::vector<AddressRange> ranges;
    const size_t had = packed.size();
    try {
      for (int o = 0; o < i.outputs() + i.inputs(); ++o) {
        const Tensor& t = i.out(o);  // outputs, then inputs
        if (t.dtype == EASEL_BF16 && device.gpu.capability < 80)
          throw Failure(EASEL_UNSUPPORTED,
                        device.name + " (compute capability below 8.0) has no bf16; use fp16");
        ranges.push_back({t.data, size_t(t.bytes())});
      }
      const Prepare prepare = kernels[i.opcode()];
      if (!prepare) throw Failure(EASEL_UNSUPPORTED, "the CUDA backend has no kernel for it");
      steps.push_back(prepare(i));
    } catch (const Failure& e) {
      throw Failure(e.status, texts.back() + ": " + e.what());
    } catch (const std::exception& e) {
      throw Failure(EASEL_FAILED, texts.back() + ": " + e.what());
    }
    for (size_t p = had; p < packed.size(); ++p) ranges.push_back({packed[p]->data, packed[p]->bytes});
    ranges_.push_back(std::move(ranges));
  }
}

unsigned long long* Program::fault_words() {
  if (!fault_memory_) {
    fault_memory_ = std::make_unique<DeviceMemory>(device, kFaultBytes);
    void* host = nullptr;
    device.check(device.driver.host_alloc(&host, kFaultBytes), "pinned memory");
    seen_faults_ = static_cast<unsigned long long*>(host);
  }
  return reinterpret_cast<unsigned long long*>(fault_memory_->data);
}

unsigned* Program::tickets() {
  if (!ticket_memory_)
    ticket_memory_ = std::make_unique<DeviceMemory>(device, size_t(kTickets) * sizeof(unsigned));
  return reinterpret_cast<unsigned*>(ticket_memory_->data);
}

void Program::fail(size_t k, const std::exception& e) const {
  const auto* failure = dynamic_cast<const Failure*>(&e);
  throw Failure(failure ? failure->status : EASEL_FAILED, texts[k] + ": " + e.what());
}

// Tells the simulator what the next launches may touch.
void Program::expect(size_t k) const {
  if (!device.driver.simulated_expect) return;
  std::vector<AddressRange> ranges = ranges_[k];
  if (scratch) ranges.push_back({scratch, scratch_bytes});
  if (fault_memory_) ranges.push_back({fault_memory_->data, kFaultBytes});
  if (ticket_memory_) ranges.push_back({ticket_memory_->data, ticket_memory_->bytes});
  device.driver.simulated_expect(ranges.data(), int(ranges.size()));
}

void Program::step(size_t k) {
  expect(k);
  try {
    steps[k]();
  } catch (const std::exception& e) {
    fail(k, e);
  }
}

void Program::run_each() {
  if (fault_memory_)
    device.check(device.driver.set_bytes(address(fault_memory_->data), 0, kFaultBytes, device.stream),
                 "cuMemsetD8Async");
  for (size_t k = 0; k < steps.size(); ++k) {
    step(k);
    try {
      device.synchronize("the kernel");
    } catch (const std::exception& e) {
      fail(k, e);
    }
  }
}

void Program::capture() {
  graph_ = std::make_unique<Captured>(device, [this] {
    if (fault_memory_)
      device.check(device.driver.set_bytes(address(fault_memory_->data), 0, kFaultBytes, device.stream),
                   "cuMemsetD8Async");
    for (size_t k = 0; k < steps.size(); ++k) step(k);
  });
}

void Program::run() {
  if (!proved_ || device.step_by_step) {
    run_each();
    proved_ = true;
  } else {
    if (!graph_) capture();
    try {
      graph_->launch();
      device.synchronize("the graph");
    } catch (const Failure& e) {
      if (device.lost.empty()) throw;
      throw Failure(e.status, std::string("a program of ") + std::to_string(steps.size()) +
                                  " instructions: " + e.what() + "; EASEL_CUDA_SYNC=1 names the instruction");
    }
  }
  read_faults();
}

void Program::read_faults() {
  if (!fault_memory_) return;
  device.check(
      device.driver.copy_to_host(seen_faults_, address(fault_memory_->data), kFaultBytes, device.stream),
      "a download");
  device.synchronize("a download");
  const auto* words = seen_faults_;
  if (!words[0]) return;
  const int64_t k = int64_t(words[0]) - 1;
  const auto text = fault_texts.find(k);
  if (text == fault_texts.end()) throw Failure(EASEL_FAILED, "a kernel reported a fault of no instruction");
  throw Failure(EASEL_FAILED, texts[size_t(k)] + ": " + text->second(int64_t(words[1]), int64_t(words[2])));
}

// Events between the instructions, which run one after the other without waiting.
void Program::profile(double* seconds) {
  const Driver& d = device.driver;
  std::vector<CUevent> events(steps.size() + 1, nullptr);
  const auto destroy = [&] {
    for (CUevent event : events)
      if (event) d.event_destroy(event);
  };
  try {
    for (CUevent& event : events) device.check(d.event_create(&event, kEventDefault), "cuEventCreate");
    device.check(d.event_record(events[0], device.stream), "cuEventRecord");
    for (size_t k = 0; k < steps.size(); ++k) {
      step(k);
      device.check(d.event_record(events[k + 1], device.stream), "cuEventRecord");
    }
    device.synchronize("the profile");
    for (size_t k = 0; k < steps.size(); ++k) {
      float milliseconds = 0;
      device.check(d.event_elapsed(&milliseconds, events[k], events[k + 1]), "cuEventElapsedTime");
      seconds[k] = double(milliseconds) * 1e-3;
    }
  } catch (...) {
    destroy();
    throw;
  }
  destroy();
  read_faults();
}

}  // namespace easel

using namespace easel;

void easel_program_memory(easel_program* program, uint64_t* packed, uint64_t* scratch) {
  *packed = program->packed_bytes;
  *scratch = program->new_scratch_bytes;
}
