// Operands and instructions: every index, shape and byte range checked before an op sees it.
#include "instruction.h"

#include <cmath>

#include "buffer.h"

namespace easel {

int64_t dtype_bytes(int32_t dtype) {
  switch (dtype) {
    case EASEL_F32:
    case EASEL_I32:
      return 4;
    case EASEL_F16:
    case EASEL_BF16:
      return 2;
    case EASEL_U8:
    case EASEL_F8:
      return 1;
    default:
      return 0;
  }
}

const char* dtype_name(int32_t dtype) {
  static const char* const names[] = {"f32", "f16", "bf16", "i32", "u8", "f8"};
  return dtype >= 0 && dtype < 6 ? names[dtype] : "?";
}

std::string Tensor::text() const {
  std::string s = dtype_name(dtype);
  s += '[';
  for (int d = 0; d < rank; ++d) {
    if (d) s += ", ";
    s += std::to_string(dims[d]);
  }
  s += ']';
  return s;
}

namespace {

Tensor resolve(const easel_tensor& t, int index, easel_buffer* const* buffers, int buffer_count) {
  const auto refuse = [&](const std::string& reason) {
    throw Failure(EASEL_FAILED, "tensor " + std::to_string(index) + ": " + reason);
  };
  const int64_t size = dtype_bytes(t.dtype);
  if (!size) refuse("there is no dtype " + std::to_string(t.dtype));
  if (t.rank < 0 || t.rank > EASEL_MAX_RANK) refuse("rank " + std::to_string(t.rank) + " is not 0 to 5");
  if (t.buffer < 0 || t.buffer >= buffer_count || !buffers[t.buffer])
    refuse("there is no buffer " + std::to_string(t.buffer));
  const easel_buffer& buffer = *buffers[t.buffer];
  Tensor out{t.dtype, t.rank, {1, 1, 1, 1, 1}, buffer.data + t.offset, t.frozen != 0, buffer.id, t.offset};
  int64_t bytes = size;
  for (int d = 0; d < t.rank; ++d) {
    if (t.dims[d] < 0) refuse("a side of " + std::to_string(t.dims[d]));
    if (__builtin_mul_overflow(bytes, t.dims[d], &bytes) || bytes > (int64_t(1) << 50))
      refuse("it is too large");
    out.dims[d] = t.dims[d];
  }
  if (t.offset < 0 || t.offset % size || uint64_t(t.offset) > buffer.bytes ||
      uint64_t(bytes) > buffer.bytes - uint64_t(t.offset))
    refuse(out.text() + " at byte " + std::to_string(t.offset) + " leaves buffer " +
           std::to_string(t.buffer) + " of " + std::to_string(buffer.bytes) + " bytes");
  return out;
}

}  // namespace

int64_t Tensor::bytes() const { return count() * dtype_bytes(dtype); }

std::vector<Tensor> resolve_tensors(const easel_tensor* table, int count, easel_buffer* const* buffers,
                                    int buffer_count) {
  std::vector<Tensor> tensors;
  tensors.reserve(size_t(count));
  for (int t = 0; t < count; ++t) tensors.push_back(resolve(table[t], t, buffers, buffer_count));
  return tensors;
}

Instruction::Instruction(Device& device, Program& program, Operands& operands, const easel_instruction& code,
                         int index)
    : device_(device),
      program_(program),
      shared_(operands),
      index_(index),
      opcode_(code.opcode),
      outputs_(code.outputs),
      inputs_(code.inputs) {
  const auto refuse = [&](const std::string& reason) {
    throw Failure(EASEL_FAILED, "instruction " + std::to_string(index) + ": " + reason);
  };
  if (opcode_ < 0 || opcode_ >= EASEL_OPCODES) refuse("there is no opcode " + std::to_string(opcode_));
  if (outputs_ < 0 || inputs_ < 0 || outputs_ > EASEL_MAX_OPERANDS || inputs_ > EASEL_MAX_OPERANDS - outputs_)
    refuse(std::string(easel_op_names[opcode_]) + " has " + std::to_string(outputs_) + " outputs and " +
           std::to_string(inputs_) + " inputs");
  for (int k = 0; k < outputs_ + inputs_; ++k) {
    const int32_t t = code.operands[k];
    if (t < 0 || size_t(t) >= operands.tensors.size())
      refuse(std::string(easel_op_names[opcode_]) + ": there is no tensor " + std::to_string(t));
    operands_[k] = operands.tensors[size_t(t)];
  }
  std::copy(code.attrs, code.attrs + EASEL_MAX_ATTRS, attrs_);
}

int64_t Instruction::integer(int k) const {
  if (!(std::fabs(attrs_[k]) <= 9007199254740992.0) || attrs_[k] != std::trunc(attrs_[k]))
    fail("attribute " + std::to_string(k) + " is " + std::to_string(attrs_[k]) + ", not a whole number");
  return int64_t(attrs_[k]);
}

Scratch Instruction::scratch(size_t bytes) const {
  const Scratch block(&shared_.scratch, scratch_);
  scratch_ += (bytes + 63) / 64 * 64;
  shared_.scratch_bytes = std::max(shared_.scratch_bytes, scratch_);
  return block;
}

std::string Instruction::text() const {
  std::string s = "instruction " + std::to_string(index_) + " " + easel_op_names[opcode_];
  for (int k = 0; k < outputs_; ++k) s += " " + out(k).text();
  s += " <-";
  for (int k = 0; k < inputs_; ++k) s += " " + in(k).text();
  return s;
}

void Instruction::fail(const std::string& reason) const { throw Failure(EASEL_FAILED, reason); }

void Instruction::require_counts(int outputs, int inputs) const {
  if (outputs_ != outputs || inputs_ != inputs)
    fail("takes " + std::to_string(outputs) + " outputs and " + std::to_string(inputs) + " inputs");
}

void Instruction::require_same(const Tensor& a, const Tensor& b) const {
  if (a.dtype != b.dtype || !a.same_shape(b)) fail(a.text() + " and " + b.text() + " must be alike");
}

void Instruction::require_float(const Tensor& a) const {
  if (a.dtype != EASEL_F32 && a.dtype != EASEL_F16 && a.dtype != EASEL_BF16)
    fail(a.text() + " must be f32, f16 or bf16");
}

}  // namespace easel
