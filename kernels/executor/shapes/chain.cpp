// The checks of chains: every register, scalar and operand that a step names is there and was set before.
#include "chain.h"

#include <bitset>

namespace easel {
namespace {

// What is known while the steps are gone through in order.
struct Checker {
  const Instruction& i;
  const Chain& chain;
  std::bitset<CHAIN_REGISTERS> registers{};
  std::bitset<CHAIN_SCALARS> scalars{};

  void read_scalar(int32_t at) const {
    i.require(at >= 0 && at < chain.scalars && scalars[size_t(at)],
              "a step reads a scalar that none before it set");
  }

  void read(int32_t place) const {
    if (place >= CHAIN_FIRST_ARRAY) {
      const Tensor& t = operand(place - CHAIN_FIRST_ARRAY);
      return i.require(t.dtype == EASEL_F32 && t.count() == chain.lanes,
                       "an operand is not f32, one element a lane");
    }
    if (place >= CHAIN_FIRST_SCALAR) return read_scalar(place - CHAIN_FIRST_SCALAR);
    i.require(place >= 0 && place < chain.registers && registers[size_t(place)],
              "a step reads a register that none before it set");
  }

  const Tensor& operand(int32_t at) const {
    i.require(at >= 0 && at < chain.arrays, "a step names an operand that is not there");
    return chain.array[at];
  }

  void whole(int32_t at) const {
    const Tensor& t = operand(at);
    i.require_float(t);
    i.require(t.count() == chain.lanes, "an operand has not as many elements as there are lanes");
  }

  void repeated(int32_t at, int32_t behind) const {
    const Tensor& t = operand(at);
    i.require(t.dtype == EASEL_F32 && t.count() > 0 && chain.lanes % t.count() == 0,
              "an operand that repeats is not f32, or not as often for each element");
    i.require(behind > 0 && t.count() % behind == 0, "an operand repeats along no axis");
  }

  // Codes, scales and map of an array of 8-bit numbers.
  void quantized(int32_t codes, int32_t scales, int32_t map) const {
    const Tensor &c = operand(codes), &s = operand(scales), &m = operand(map);
    i.require(c.dtype == EASEL_U8 && c.count() == chain.lanes, "8-bit numbers are u8, one a lane");
    const int64_t blocks = (chain.lanes + CHAIN_QUANTIZED_BLOCK - 1) / CHAIN_QUANTIZED_BLOCK;
    i.require(s.dtype == EASEL_F32 && s.count() == blocks, "8-bit numbers have one f32 scale a block");
    i.require(m.dtype == EASEL_F32 && m.count() == CHAIN_CODES && m.frozen,
              "the map of 8-bit numbers is no frozen f32 of 256");
  }

  void scalar_step(const ChainStep& s) {
    if (s.op == CHAIN_ELEMENT) {
      const Tensor& t = operand(s.a);
      i.require(t.dtype == EASEL_F32 && s.c >= 0 && s.c < t.count(),
                "a step reads an element that is not there");
    } else if (s.op != CHAIN_CONSTANT) {
      function(s, [this](int32_t at) { read_scalar(at); });
    }
    i.require(s.to < chain.scalars, "a step sets a scalar that is not there");
    scalars.set(s.to);
  }

  void lane_step(const ChainStep& s) {
    if (s.op == CHAIN_STORE || s.op == CHAIN_STORE_IF || s.op == CHAIN_SUM) {
      read(s.a);
      if (s.op == CHAIN_STORE_IF) read_scalar(s.c - CHAIN_FIRST_SCALAR);
      if (s.op != CHAIN_SUM) return whole(s.to);
      const int32_t first = i.outputs() - chain.sums;
      return i.require(s.to >= first && s.to < i.outputs() && chain.array[s.to].count() == 1,
                       "a sum goes into an output of one element");
    }
    if (s.op == CHAIN_QUANTIZE) {
      read(s.a);
      read_scalar((s.c >> 8) - CHAIN_FIRST_SCALAR);
      return quantized(s.to, s.b, s.c & 0xff);
    }
    if (s.op == CHAIN_LOAD) {
      whole(s.a);
    } else if (s.op == CHAIN_SPREAD) {
      repeated(s.a, s.c);
    } else if (s.op == CHAIN_DEQUANTIZE) {
      quantized(s.a, s.b, s.c);
    } else if (s.op == CHAIN_DITHER) {
      read(s.a);
      read_scalar(s.b - CHAIN_FIRST_SCALAR);
    } else {
      function(s, [this](int32_t place) { read(place); });
    }
    i.require(s.to < chain.registers, "a step sets a register that is not there");
    registers.set(s.to);
  }

  template <typename F>
  void function(const ChainStep& s, F source) const {
    i.require(s.op >= CHAIN_SELECT && s.op < CHAIN_END, "there is no such step");
    source(s.a);
    if (s.op >= CHAIN_BINARY || chain_three(s.op)) source(s.b);
    if (chain_three(s.op)) source(s.c);
  }
};

}  // namespace

const Tensor& chain_words(const Instruction& i) {
  i.require(i.inputs() >= 1, "its code is missing");
  const Tensor& code = i.in(0);
  i.require(code.dtype == EASEL_I32 && code.frozen && code.count() >= 4,
            "its code is no frozen i32 of four and more");
  return code;
}

Chain chain_code(const Instruction& i, const int32_t* words, int64_t count) {
  Chain chain;
  chain.lanes = i.integer(ATTR_CHAIN_LANES);
  const int64_t values = i.integer(ATTR_CHAIN_VALUES), sums = i.integer(ATTR_CHAIN_SUMS);
  i.require(chain.lanes >= 0 && values >= 0 && sums >= 0 && values + sums == i.outputs(),
            "the outputs are not those that the attributes say");
  chain.sums = int32_t(sums);
  for (int k = 0; k < i.outputs(); ++k) {
    i.require(i.out(k).dtype == EASEL_F32, "outputs must be f32");
    chain.array[chain.arrays++] = i.out(k);
  }
  for (int k = 1; k < i.inputs(); ++k) chain.array[chain.arrays++] = i.in(k);
  const int32_t limits[] = {CHAIN_STEPS, CHAIN_STEPS, CHAIN_REGISTERS, CHAIN_SCALARS};
  for (int k = 0; k < 4; ++k) i.require(words[k] >= 0 && words[k] <= limits[k], "its code is too long");
  chain.scalar_steps = words[0], chain.lane_steps = words[1], chain.registers = words[2],
  chain.scalars = words[3];
  const int32_t steps = chain.scalar_steps + chain.lane_steps;
  i.require(steps <= CHAIN_STEPS && count == 4 + 2 * int64_t(steps),
            "its code has another length than it says");
  Checker checker{i, chain};
  for (int32_t k = 0; k < steps; ++k) {
    const uint32_t word = uint32_t(words[4 + 2 * k]);
    const ChainStep step = {uint8_t(word), uint8_t(word >> 8), uint8_t(word >> 16), uint8_t(word >> 24),
                            words[5 + 2 * k]};
    chain.steps[k] = step;
    if (k < chain.scalar_steps)
      checker.scalar_step(step);
    else
      checker.lane_step(step);
  }
  return chain;
}

}  // namespace easel
