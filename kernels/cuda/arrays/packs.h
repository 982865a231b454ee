// Host side of packs.cuh.
#pragma once
#include "../kernel.h"

namespace easel {

// Elements of a dtype that one 16-byte access moves.
inline int64_t pack_of(int32_t dtype) { return 16 / dtype_bytes(dtype); }

// Blocks for a loop that moves a tensor in packs.
inline Grid pack_blocks(const Instruction& i, const Tensor& t) {
  return blocks(i, (t.count() + pack_of(t.dtype) - 1) / pack_of(t.dtype));
}

inline bool aligned16(const void* p) { return (reinterpret_cast<uintptr_t>(p) & 15) == 0; }

// Bytes that copies can move at once: the largest unit, at most 16, that divides all sizes and addresses.
// Kernels for units are called NAME_1 to NAME_16.
class Unit {
 public:
  Unit& size(int64_t bytes) {
    all_ |= uint64_t(bytes);
    return *this;
  }
  Unit& address(const void* p) {
    all_ |= reinterpret_cast<uintptr_t>(p);
    return *this;
  }
  int64_t bytes() const { return int64_t(all_ & -all_); }
  std::string kernel(const char* stem) const { return stem + ("_" + std::to_string(bytes())); }

 private:
  uint64_t all_ = 16;
};

}  // namespace easel
