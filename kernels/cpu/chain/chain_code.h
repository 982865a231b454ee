// A chain as machine code: for one block of lanes at a time, all steps over registers, so that nothing but
// its operands goes through memory. The same numbers to the last bit as step by step (chain.cpp).
#pragma once
#include <memory>
#include <vector>

#include "../../executor/shapes/chain.h"

namespace easel {
inline namespace EASEL_ISA {

// Blocks of f32 in fast memory that stand for operands of other types: what `before` fills, what `after`
// reads.
struct ChainMove {
  int step, slot;
  int maximum = -1;  // which of the code's maxima is that of what it holds
};

struct ChainCode {
  // scalars: the chain's, then kConstants; arrays: the chain's operands, then the slots, each minus `from`
  // lanes; sums: a register's lanes for each sum, then for each maximum.
  using Function = void (*)(const float* scalars, char* const* arrays, int64_t from, int64_t to, float* sums);
  static constexpr int kConstants = 7;
  static const float* constants();

  Function run;
  int lanes;  // of a register
  int slots;
  std::vector<ChainMove> before, after;
  std::shared_ptr<void> pages;  // where the code lies
};

// Null where the processor, the system or a step does not allow it.
std::shared_ptr<const ChainCode> compile_chain(const Instruction& i, const Chain& chain);

}  // namespace EASEL_ISA
}  // namespace easel
