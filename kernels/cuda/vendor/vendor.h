// NVIDIA's own libraries, where they are installed: another way of computing a product, taken where it is
// faster than ours on this card and its result is the same.
#pragma once
#include <functional>
#include <memory>

#include "../product_plan.h"
#include "choices.h"
#include "cublaslt.h"

namespace easel {

struct DeviceMemory;

struct Vendor {
  // folder: where choices are remembered, "" for nowhere; null: the libraries are not to be used.
  Vendor(Device& device, const char* folder);
  ~Vendor();
  // What doctor shows, a JSON object. Like all here, on the device's thread.
  std::string info() const;

  Device& device;
  CublasLt lt;
  bool off;
  std::unique_ptr<Choices> choices;            // where a library is usable
  std::unique_ptr<DeviceMemory> trial_memory;  // between two trials of one program
};

// Our kernels' way with other operands of the same shapes and alignment; parts: where parts of K go.
using OwnProduct = std::function<Run(const ProductPlan& plan, const Address& parts)>;

// The product by cuBLASLt, or an empty Run where our kernels are to do it. part_bytes: what `own` wants for
// parts of K.
Run vendor_product(const Instruction& i, const ProductPlan& plan, const OwnProduct& own, size_t part_bytes);

}  // namespace easel
