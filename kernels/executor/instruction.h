// What the ops of every backend see of the executor: operands with their memory resolved, attributes,
// scratch, and the checks they share. Each opcode has one function
//   Run prepare_<op>(const Instruction& i);
// that checks shapes, dtypes and attributes, does everything slow, asks for scratch, and returns the closure
// that does one step's work. The closure allocates nothing.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../easel.h"
#include "failure.h"

namespace easel {

// An operand. data (an address of the device's memory) stays the same as long as the program lives.
struct Tensor {
  int32_t dtype;
  int rank;
  int64_t dims[EASEL_MAX_RANK];  // unused ones are 1
  char* data;
  bool frozen;         // the bytes do not change while the program lives
  uint64_t buffer_id;  // unique on the device; with offset it names the bytes
  int64_t offset;

  int64_t count() const {
    int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= dims[d];
    return n;
  }
  int64_t last() const { return rank ? dims[rank - 1] : 1; }
  int64_t rows() const { return last() ? count() / last() : 0; }  // product of all axes but the last
  int64_t bytes() const;
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  bool same_shape(const Tensor& o) const { return rank == o.rank && std::equal(dims, dims + rank, o.dims); }
  std::string text() const;  // "f32[1, 64, 64, 320]"
};

int64_t dtype_bytes(int32_t dtype);  // 0 for an unknown dtype
const char* dtype_name(int32_t dtype);

// Memory that lives only while its instruction runs; every instruction of the program uses the same block.
// The address is known when the program runs, not in prepare.
class Scratch {
 public:
  Scratch() = default;
  Scratch(char* const* base, size_t offset) : base_(base), offset_(offset) {}
  template <typename T = char>
  T* get() const {
    return reinterpret_cast<T*>(*base_ + offset_);
  }
  size_t offset() const { return offset_; }  // from the block's beginning, which is aligned to 256 bytes

 private:
  char* const* base_ = nullptr;
  size_t offset_ = 0;
};

// A program's operands and the block that is scratch for all its instructions.
struct Operands {
  std::vector<Tensor> tensors;
  size_t scratch_bytes = 0;
  char* scratch = nullptr;
};

// Checks every entry of a tensor table against its buffer. Throws Failure.
std::vector<Tensor> resolve_tensors(const easel_tensor* table, int count, easel_buffer* const* buffers,
                                    int buffer_count);

// The backend's own.
struct Device;
struct Program;

class Instruction {
 public:
  Instruction(Device& device, Program& program, Operands& operands, const easel_instruction& code, int index);
  const Tensor& out(int i) const { return operands_[i]; }
  const Tensor& in(int i) const { return operands_[outputs_ + i]; }
  int outputs() const { return outputs_; }
  int inputs() const { return inputs_; }
  int index() const { return index_; }
  double attr(int k) const { return attrs_[k]; }
  int64_t integer(int k) const;  // fails unless it is a whole number
  int opcode() const { return opcode_; }
  Device& device() const { return device_; }
  Program& program() const { return program_; }
  // CPU only: worker threads; a parallel region never has more.
  int threads() const;
  // 64-byte aligned; several requests of one instruction do not overlap.
  Scratch scratch(size_t bytes) const;
  // Throws what becomes "instruction 12 conv2d f32[..] <- f32[..] ..: reason".
  [[noreturn]] void fail(const std::string& reason) const;
  void require(bool condition, const char* reason) const {
    if (!condition) fail(reason);
  }
  void require_counts(int outputs, int inputs) const;
  void require_same(const Tensor& a, const Tensor& b) const;  // shape and dtype
  void require_float(const Tensor& a) const;                  // f32, f16 or bf16
  std::string text() const;  // "instruction 12 conv2d f32[..] <- f32[..] ..."

 private:
  Device& device_;
  Program& program_;
  Operands& shared_;
  int index_, opcode_, outputs_, inputs_;
  Tensor operands_[EASEL_MAX_OPERANDS];
  double attrs_[EASEL_MAX_ATTRS];
  mutable size_t scratch_ = 0;
};

// One step's work of an instruction. May throw std::exception outside of parallel regions.
using Run = std::function<void()>;
using Prepare = Run (*)(const Instruction&);

}  // namespace easel
