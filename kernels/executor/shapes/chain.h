// The code of a chain, decoded and checked. src/graph/ops/chain.ts has the format.
#pragma once
#include "../instruction.h"

namespace easel {

struct ChainStep {
  uint8_t op, to, a, b;
  int32_t c;
};

// Whether a step has a third operand.
inline bool chain_three(int op) { return op == CHAIN_SELECT || op == CHAIN_FMA || op == CHAIN_FNMA; }

struct Chain {
  int64_t lanes = 0;
  int32_t scalar_steps = 0, lane_steps = 0, registers = 0, scalars = 0, sums = 0;
  int32_t arrays = 0;  // operands without the code: results, sums, inputs
  Tensor array[EASEL_MAX_OPERANDS];
  ChainStep steps[CHAIN_STEPS];  // scalar steps, then lane steps
};

// The operand that holds the code; backends read it where they have it.
const Tensor& chain_words(const Instruction& i);
Chain chain_code(const Instruction& i, const int32_t* words, int64_t count);

}  // namespace easel
