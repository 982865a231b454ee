// What the host part of a CUDA op sees; device.cuh has the rules for the device part. An op is two files of
// one name:
//   NAME.cu   device code only, EASEL_KERNEL(...)s; the simulator runs it too
//   NAME.cpp  Run prepare_<op>(const Instruction&): checks operands with executor/shapes, as the CPU backend
//   does, chooses kernels and grids
// There is nothing else to enter anywhere: tools/build_cuda.sh compiles what it finds, registry.cpp takes
// each prepare function that exists, and an op without one is refused by name when a program is created.
//
// prepare runs once; what it returns is called once, when the program's CUDA graph is captured at its first
// run, and again only to profile. So a Run may only launch, zero and copy, with arguments that were fixed in
// prepare: whatever changes from step to step is read from operands by the kernels. It must not read an
// operand on the host, but for frozen ones in prepare (host_words).
//
//   Run prepare_geglu(const Instruction& i) {
//     const auto [M, C] = geglu_shape(i);  // the checks
//     return launch(i, kernel_name("geglu", y.dtype), {.grid = blocks(i, M * C), .threads = 256}, y.data,
//     x.data, M, C);
//   }
#pragma once
#include <array>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../executor/instruction.h"
#include "../executor/ops.h"

namespace easel {

// What ops may ask of the card.
struct Gpu {
  int capability;  // 75, 80, 86, ...
  int multiprocessors;
  int shared_limit;   // bytes of shared memory that one block can have, after opting in
  int shared_total;   // bytes of a multiprocessor, shared by its blocks
  int threads_total;  // threads a multiprocessor holds
};
const Gpu& gpu(const Instruction& i);

// "geglu", EASEL_F16 -> "geglu_f16". Fails for a dtype other than f32, f16, bf16, i32, u8.
std::string kernel_name(const char* stem, int32_t dtype);

struct Grid {
  int64_t x = 1, y = 1, z = 1;  // x up to 2^31 - 1, y and z up to 65535; 0 launches nothing
};
struct Shape {
  Grid grid;
  int threads = 256;  // a block's; at most what EASEL_KERNEL declares
  size_t shared = 0;  // bytes of dynamic shared memory
};

// Blocks for a grid-stride loop over n elements: enough to fill the card a few times, never more than needed.
Grid blocks(const Instruction& i, int64_t n, int threads = 256);

// A launch of the kernel called `name`. Arguments have exactly the kernel's parameter types: pointers of any
// type, int32_t, int64_t, float, plain structs; a Scratch is passed as its address. Fails when there is no
// such kernel, when it wants more shared memory than the card has, or (where the driver can tell) when an
// argument's size is not its parameter's.
template <typename... A>
Run launch(const Instruction& i, const std::string& name, const Shape& shape, A... arguments);

// Bytes set to 0; bytes copied on the device.
Run zero(const Instruction& i, const void* at, size_t bytes);
Run zero(const Instruction& i, const Scratch& at, size_t bytes);
Run copy_bytes(const Instruction& i, void* to, const void* from, size_t bytes);
// Several runs, one after the other.
Run sequence(std::vector<Run> runs);
// `run` adds to a target, which is cleared before where the instruction's attribute says so.
Run freshly(const Instruction& i, int fresh, const Tensor& target, Run run);
// Nothing to do.
inline Run nothing() {
  return [] {};
}

// Device memory that belongs to programs that use a frozen operand, filled once by the Run that `make` gives
// for its address: weights in the layout a kernel likes best. Programs of a device share it by operand and
// `layout` (a short text).
char* packed(const Instruction& i, const Tensor& frozen, const std::string& layout, size_t bytes,
             const std::function<Run(char*)>& make);

// The values of a frozen operand of i32: prepare may read what never changes.
std::vector<int32_t> host_words(const Instruction& i, const Tensor& frozen);

// The Fault argument of kernels that check their data, and the text for what they report.
struct Fault {
  unsigned long long* words;
  int64_t instruction;
};
Fault on_fault(const Instruction& i, std::function<std::string(int64_t value, int64_t position)> text);

// ---- what launch() is made of ----

struct Function;  // a kernel of the loaded module
const Function* find_function(const Instruction& i, const std::string& name, const Shape& shape,
                              const uint32_t* sizes, int count);
void enqueue(Device& device, const Function* function, const Shape& shape, void** arguments);

namespace detail {

template <typename A>
struct Passed {
  static_assert(std::is_trivially_copyable_v<A> && !std::is_same_v<A, bool>,
                "pass numbers, pointers, plain structs");
  using type = A;
  static type at_launch(const A& a) { return a; }
};
template <>
struct Passed<Scratch> {
  using type = char*;
  static type at_launch(const Scratch& s) { return s.get(); }
};

}  // namespace detail

template <typename... A>
Run launch(const Instruction& i, const std::string& name, const Shape& shape, A... arguments) {
  static constexpr uint32_t sizes[sizeof...(A) + 1] = {uint32_t(sizeof(typename detail::Passed<A>::type))...,
                                                       0};
  const Function* function = find_function(i, name, shape, sizes, int(sizeof...(A)));
  return [&device = i.device(), function, shape, kept = std::make_tuple(arguments...)] {
    auto values = std::apply(
        [](const auto&... a) {
          return std::make_tuple(detail::Passed<std::decay_t<decltype(a)>>::at_launch(a)...);
        },
        kept);
    std::apply(
        [&](auto&... v) {
          void* pointers[sizeof...(v) + 1] = {static_cast<void*>(&v)..., nullptr};
          enqueue(device, function, shape, pointers);
        },
        values);
  };
}

#define EASEL_DECLARE(OP, op) Run prepare_##op(const Instruction&) __attribute__((weak));
EASEL_OPS(EASEL_DECLARE)
#undef EASEL_DECLARE

// The table by opcode (registry.cpp); null where there is no kernel.
const Prepare* kernel_table();

}  // namespace easel
