// An operand's place: a tensor's address, or scratch, whose address is known at run time.
#pragma once
#include "kernel.h"

namespace easel {

struct Address {
  Address() = default;
  Address(const void* data) : data(data) {}
  Address(const Scratch& scratch, int64_t bytes = 0) : scratch(scratch), bytes(bytes), in_scratch(true) {}
  bool aligned() const { return ((in_scratch ? uintptr_t(bytes) : uintptr_t(data)) & 15) == 0; }
  bool present() const { return in_scratch || data; }
  char* get() const {
    return in_scratch ? scratch.get() + bytes : static_cast<char*>(const_cast<void*>(data));
  }
  Address after(int64_t more) const {
    Address a = *this;
    if (in_scratch)
      a.bytes += more;
    else
      a.data = static_cast<const char*>(data) + more;
    return a;
  }

  const void* data = nullptr;
  Scratch scratch;
  int64_t bytes = 0;  // into the scratch
  bool in_scratch = false;
};

// The largest power of two up to 64 that divides an operand's address, and the distance between its uses.
// What easel plans begins at multiples of 64.
inline uint32_t alignment(const Address& at, int64_t distance = 0) {
  const uintptr_t start = at.in_scratch ? at.scratch.offset() + uintptr_t(at.bytes) : uintptr_t(at.data);
  const uintptr_t bits = start | uintptr_t(distance) | 64;
  return uint32_t(bits & -bits);
}

namespace detail {
template <>
struct Passed<Address> {
  using type = const void*;
  static type at_launch(const Address& a) { return a.get(); }
};
}  // namespace detail

}  // namespace easel
