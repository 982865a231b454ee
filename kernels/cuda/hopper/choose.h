// What the ways for Hopper share: tensor maps of operands, and how one of several sizes of blocks is taken.
#pragma once
#include "../device.h"
#include "kernels/hopper.h"
#include "ways.h"

namespace easel {

// A tensor of 16-bit values as the copying unit reads it; axes innermost first, steps in elements.
struct MapSpec {
  int32_t dtype;
  std::vector<uint64_t> sides, steps;  // steps: of all axes but the first
  std::vector<uint32_t> box;           // of tiles; rows of 64, 32 or 16 columns, swizzled by as many bytes
  std::vector<int> lower, upper;       // of pixels: corners of where windows begin, columns first
  uint32_t stride = 1;                 // of pixels
};
TensorMap encode(Device& device, const MapSpec& spec, const char* data);

// Kernels in several sizes of blocks.
class HopperWays : public TheirWays {
 public:
  explicit HopperWays(Device& device) : device_(device) {}
  virtual int best() const = 0;  // without a trial

 protected:
  template <typename... A>
  static const Function* find(const Instruction& i, const std::string& name, const Shape& shape,
                              const A&...) {
    constexpr uint32_t sizes[] = {uint32_t(sizeof(A))...};
    return find_function(i, name, shape, sizes, int(sizeof...(A)));
  }
  template <typename... A>
  void enqueue_way(const Function* function, const Shape& shape, const A&... arguments) const {
    void* pointers[] = {const_cast<A*>(&arguments)...};
    enqueue(device_, function, shape, pointers);
  }
  Device& device_;
};

// The way to take, or none: the fastest in a trial, or the best without one where Hopper's are always taken.
Chosen hopper_way(const Instruction& i, Question q, const std::function<std::shared_ptr<HopperWays>()>& make);

}  // namespace easel
