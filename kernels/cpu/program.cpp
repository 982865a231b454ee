// A program: one closure an instruction, one scratch block, which programs share.
#include <chrono>

#include "device.h"

namespace easel {

int Instruction::threads() const { return device_.threads; }

Program::Program(Device& device, const easel_tensor* tensor_table, int tensor_count,
                 const easel_instruction* instructions, int instruction_count, easel_buffer* const* buffers,
                 int buffer_count)
    : device_(device) {
  const auto away = int64_t(device.plain.away_bytes());
  std::map<uint64_t, bool> held;
  tensors = resolve_tensors(tensor_table, tensor_count, buffers, buffer_count);
  for (int k = 0; k < instruction_count; ++k) {
    const Instruction i(device, *this, *this, instructions[k], k);
    texts.push_back(i.text());
    reads_packed.clear();
    try {
      const Prepare prepare = device.kernels[i.opcode()];
      if (!prepare) throw Failure(EASEL_UNSUPPORTED, "the CPU backend has no kernel for it");
      steps.push_back(prepare(i));
    } catch (const Failure& e) {
      throw Failure(e.status, texts.back() + ": " + e.what());
    } catch (const std::exception& e) {
      throw Failure(EASEL_FAILED, texts.back() + ": " + e.what());
    }
    // At once, so that a checkpoint is never there twice, not even while it is repacked.
    for (uint64_t id : reads_packed) device.plain.give_back(id);
    // An instruction without outputs changes its operands in place.
    for (int n = 0; n < i.inputs(); ++n)
      if (!std::count(reads_packed.begin(), reads_packed.end(), i.in(n).buffer_id))
        held[i.in(n).buffer_id] |= i.outputs() == 0;
    for (int n = 0; n < i.outputs(); ++n) held[i.out(n).buffer_id] = true;
  }
  for (const auto& [id, writes] : held) device.plain.need(id);
  if (scratch_bytes) {
    scratch_block_ = device.scratch(scratch_bytes, *this);
    scratch = scratch_block_->data;
  }
  held_ = std::move(held);
  for (const auto& [id, writes] : held_) device.plain.hold(id, writes);
  device.plain.give_back();
  packed_bytes -= int64_t(device.plain.away_bytes()) - away;
}

Program::~Program() {
  for (const auto& [id, writes] : held_) device_.plain.release(id, writes);
  device_.plain.give_back();
}

void Program::profile(double* seconds) {
  for (size_t k = 0; k < steps.size(); ++k) {
    const auto start = std::chrono::steady_clock::now();
    try {
      steps[k]();
    } catch (const std::exception& e) {
      throw Failure(EASEL_FAILED, texts[k] + ": " + e.what());
    }
    if (seconds) seconds[k] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
}

}  // namespace easel

using namespace easel;

void easel_program_memory(easel_program* program, uint64_t* packed, uint64_t* scratch) {
  *packed = uint64_t(std::max<int64_t>(program->packed_bytes, 0));
  *scratch = program->new_scratch_bytes;
}
