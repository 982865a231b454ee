// A graph of cuDNN's operations, computed on the host in f32.
#pragma once
#include <map>
#include <vector>

#include "host.h"

namespace simt {

struct DnnTensor {
  int64_t id = 0;
  Number type = Number::f32;
  std::vector<int64_t> dims, strides;
  int64_t alignment = 1;
  bool is_virtual = false, is_number = false;

  int64_t count() const;
  int64_t span() const;  // elements from the first to the last in memory
};

struct DnnOperation {
  enum Kind { kForward, kBackwardInput, kBackwardWeight, kPointwise, kMatmul, kReduce, kReshape } kind;
  int mode = 0;       // cudnnPointwiseMode_t or cudnnReduceTensorOp_t
  DnnTensor a, b, c;  // b.id 0: there is none; of convolutions w, x, y
  std::vector<int64_t> strides, pads_before, pads_after;
  const DnnTensor& result() const;
  std::vector<const DnnTensor*> operands() const;
};

// "" where shapes and types fit, else what is wrong.
const char* complaint(const DnnOperation& o);

// Computes all; at: the address of each tensor that is not virtual. tf32: operands of products are rounded.
void compute(const std::vector<DnnOperation>& operations, const std::map<int64_t, void*>& at, bool tf32);

}  // namespace simt
