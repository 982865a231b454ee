// The executor's own objects behind the opaque handles of easel.h.
#pragma once
#include <map>
#include <vector>

#include "../executor/buffer.h"
#include "../executor/worker.h"
#include "kernel.h"
#include "residency.h"

namespace easel {

// Memory that programs share: weights repacked into a primitive's layout, and scratch.
struct Block {
  explicit Block(size_t bytes);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  char* data;
  size_t bytes;
};

struct Device {
  explicit Device(int threads);
  // Runs work on the device's thread.
  void call(const std::function<void()>& work) { worker.call(work); }
  std::string info() const;

  int threads;
  const char* isa;
  const Prepare* kernels;
  bool (*rounds_weights)();  // conv/direct/direct.h
  uint64_t next_buffer_id = 1;
  ErrorText error;
  Residency plain;

  // The copy of the weights named by key in a layout, made by `make` unless a living program has it already.
  // Keys are no prefixes of each other.
  std::shared_ptr<Block> packed(const std::string& key, const std::string& layout, size_t bytes,
                                const std::function<void(char*)>& make, Program& owner);
  // A copy of those weights that a living program has, in that layout or else in any, and its layout.
  std::pair<std::shared_ptr<Block>, std::string> find_packed(const std::string& key,
                                                             const std::string& layout) const;

  // At least so many bytes of scratch: the newest block that a living program has, if they fit. Programs run
  // one after the other.
  std::shared_ptr<Block> scratch(size_t bytes, Program& owner);

 private:
  std::map<std::string, std::weak_ptr<Block>> packed_;  // by key and layout
  std::weak_ptr<Block> scratch_;

 public:
  Worker worker;  // last: it stops before what its work uses goes
};

struct Program : Operands {
  Program(Device& device, const easel_tensor* tensors, int tensor_count,
          const easel_instruction* instructions, int instruction_count, easel_buffer* const* buffers,
          int buffer_count);
  ~Program();
  void run() { profile(nullptr); }
  void profile(double* seconds);  // null: nothing is stored

  std::vector<Run> steps;
  std::vector<std::string> texts;  // "instruction 12 conv2d f32[..] <- ..", for errors
  std::vector<std::shared_ptr<Block>> packed;
  // What this program was the first to repack, less the plain bytes that nobody reads any more.
  int64_t packed_bytes = 0;
  size_t new_scratch_bytes = 0;  // of the scratch that this program was the first to need
  // Frozen buffers whose packed copy the instruction that is being prepared reads in place of their plain
  // bytes.
  std::vector<uint64_t> reads_packed;

 private:
  Device& device_;
  std::shared_ptr<Block> scratch_block_;
  std::map<uint64_t, bool> held_;  // buffers whose plain bytes this program reads; whether it writes them
};

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
