// What matmul and the convolutions share: oneDNN primitives made once, bound to memory that may be scratch,
// and weights packed into the layout a primitive asks for.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "device.h"
#include "dnnl.hpp"

namespace easel {

dnnl::engine& onednn_engine();
dnnl::stream& onednn_stream();

// Where an operand lies: fixed memory, or scratch.
struct Place {
  char* data = nullptr;
  Scratch scratch;
  char* get() const { return data ? data : scratch.get(); }
};

// A primitive with its arguments. Scratch addresses are filled in by the first run, which comes after all
// scratch is allocated; from then on a call is one dnnl_primitive_execute.
class Call {
 public:
  Call(const Instruction& i, const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad);
  void add(int argument, const dnnl::memory::desc& desc, const Place& place);
  void operator()();

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
  std::vector<std::pair<size_t, Place>> late_;
};

dnnl::memory::data_type onednn_type(int32_t dtype);  // throws for f16 and integers
bool is_slow(const char* implementation);            // oneDNN's reference loops
dnnl::primitive_attr base_attributes();              // caller's scratchpad

inline namespace EASEL_ISA {

// The steps of one instruction in order.
class Sequence {
 public:
  void add(Run step) { steps_.push_back(std::move(step)); }
  Run finish() && {
    if (steps_.size() == 1) return std::move(steps_[0]);
    return [steps = std::move(steps_)] {
      for (const Run& step : steps) step();
    };
  }

 private:
  std::vector<Run> steps_;
};

// x as f32: its own memory, or scratch that a step converts into.
Place as_float(const Instruction& i, const Tensor& x, Sequence& steps);
// Memory for y in f32, and the step that converts it to y afterwards (none for f32).
Place float_output(const Instruction& i, const Tensor& y, Run* afterwards);
// y = residual, before a primitive that adds to y; y += residual, after one that cannot.
Run copy_residual(const Tensor& y, const Tensor& residual);
Run add_in_place(const Instruction& i, const Tensor& y, const Tensor& residual);

// Convolution weights in the layout and type that a primitive wants (packed_weights.cpp).
struct Weights {
  const Tensor& w;
  dnnl::memory::desc plain, wanted;  // the file's layout and the primitive's, both in the compute type
  bool convert;                      // the compute type is f32 and w is not
};
Place packed_weights(const Instruction& i, const Weights& weights, Sequence& steps);
// The same in w's own type and whatever layout it lies in, which is the second; where frozen w lies in none
// it is packed as wanted.
std::pair<char*, dnnl::memory::desc> weights_as_they_lie(const Instruction& i, const Weights& weights);
// w (O, I, KH, KW) as (I, O, KH, KW) with both kernel axes reversed, in the layout and type of wanted, in
// scratch.
Place reversed_weights(const Instruction& i, const Tensor& w, const dnnl::memory::desc& wanted,
                       Sequence& steps);

// One matrix product, also what 1x1 convolutions become: out (B, M, N) = op(a) op(b) + bias (N) + residual.
struct Product {
  Tensor a, b, out;
  const Tensor *bias = nullptr, *residual = nullptr;
  bool trans_a = false, trans_b = false;
  int64_t B = 1, M, N, K;
  bool accumulate = false;  // the product is added to what out holds
  bool fresh = false;       // or, where that is so, to 0
  // A second product that is added: a (M, second_K) and b (second_K, N), transposed as the first ones.
  const Tensor *second_a = nullptr, *second_b = nullptr;
  int64_t second_K = 0;
};
Run prepare_product(const Instruction& i, const Product& p);

}  // namespace EASEL_ISA
}  // namespace easel
