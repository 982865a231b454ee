// chain(code, operands…): pointwise steps over blocks of lanes whose registers stay in the first-level cache,
// so that memory is read and written once however long the formula. Memory-bound.
#include "../../executor/shapes/chain.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "../kernel.h"
#include "chain_code.h"
#include "chain_loops.h"
#include "eight_bits.h"
#include "repeats.h"

namespace easel {
namespace {

constexpr int64_t kBlock =
    256;  // lanes of a step at a time: its registers and operands fit into 32 KiB together
static_assert(kBlock == CHAIN_QUANTIZED_BLOCK, "a block of lanes is one of 8-bit numbers");
constexpr int64_t kStride = kBlock + 16;  // between registers
constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kPart = 1 << 16;  // lanes whose sums are added up before those of other threads

// A run of an operand, from and to float32.
template <typename T>
void load_run(float* y, const char* x, int64_t from, int64_t n) {
  const T* p = reinterpret_cast<const T*>(x) + from;
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = to_float(p[k]);
}
template <typename T>
void store_run(char* y, const Source& x, int64_t to, int64_t n) {
  T* p = reinterpret_cast<T*>(y) + to;
  const float *q = x.lanes, one = x.one;
  if (!q) return void(std::fill_n(p, n, from_float<T>(one)));
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) p[k] = from_float<T>(q[k]);
}

void dither_run(float* y, const Source& x, float seed, int64_t from, int64_t n) {
  const uint32_t base = uint32_t(from), s = uint32_t(seed);
  if (!x.lanes) {
    for (int64_t k = 0; k < n; ++k) y[k] = dither_of(x.one, base + uint32_t(k), s);
    return;
  }
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = dither_of(x.lanes[k], base + uint32_t(k), s);
}

struct Moves {
  void (*load)(float*, const char*, int64_t, int64_t);
  void (*store)(char*, const Source&, int64_t, int64_t);
};
Moves moves_of(int32_t dtype) {
  if (dtype == EASEL_F16) return {load_run<f16>, store_run<f16>};
  if (dtype == EASEL_BF16) return {load_run<bf16>, store_run<bf16>};
  return {load_run<float>, store_run<float>};
}

// The step's work, chosen once.
struct Step {
  ChainStep code;
  Loop loop;
  Moves moves;
  std::shared_ptr<const EightBits> bits;
  std::shared_ptr<const Repeats> repeats;
};

struct Body {
  Chain chain;
  Step steps[CHAIN_STEPS];
  std::shared_ptr<const ChainCode> code;
  int outputs;

  Body(const Instruction& i, const Chain& c) : chain(c), code(compile_chain(i, c)), outputs(i.outputs()) {
    for (int k = 0; k < chain.scalar_steps + chain.lane_steps; ++k) {
      const ChainStep& s = chain.steps[k];
      steps[k].code = s;
      if (s.op == CHAIN_LOAD) steps[k].moves = moves_of(chain.array[s.a].dtype);
      if (s.op == CHAIN_STORE || s.op == CHAIN_STORE_IF) steps[k].moves = moves_of(chain.array[s.to].dtype);
      if (s.op == CHAIN_SPREAD) steps[k].repeats = repeats(chain.array[s.a], s.c);
      if (s.op == CHAIN_DEQUANTIZE) steps[k].bits = eight_bits(s.c);
      if (s.op == CHAIN_QUANTIZE) steps[k].bits = eight_bits(s.c & 0xff);
      if (s.op >= CHAIN_SELECT) steps[k].loop = loop_of(s.op);
    }
  }

  std::shared_ptr<const Repeats> repeats(const Tensor& t, int64_t behind) const {
    return std::make_shared<Repeats>(t.as<float>(), t.count(), chain.lanes / t.count(), behind);
  }
  std::shared_ptr<const EightBits> eight_bits(int map) const {
    return EightBits::of(chain.array[map].as<float>());
  }

  void scalars(float* s) const {
    for (int k = 0; k < chain.scalar_steps; ++k) {
      const auto& [code, loop, moves, bits, repeats] = steps[k];
      if (code.op == CHAIN_CONSTANT)
        s[code.to] = bits_float(uint32_t(code.c));
      else if (code.op == CHAIN_ELEMENT)
        s[code.to] = chain.array[code.a].as<float>()[code.c];
      else
        loop(s + code.to, {nullptr, s[code.a]}, {nullptr, s[code.b]},
             {nullptr, chain_three(code.op) ? s[code.c] : 0.0f}, 1);
    }
    std::copy_n(ChainCode::constants(), ChainCode::kConstants, s + chain.scalars);
  }

  // Floats that a thread needs: registers, or the blocks that stand for operands of other types.
  int64_t memory() const {
    return (code ? std::max(code->slots, chain.registers) : chain.registers) * kStride;
  }

  // Whole blocks by machine code, the last lanes step by step.
  void part(const float* s, float* memory, double* totals, int64_t from, int64_t to) const {
    if (code) {
      char* arrays[EASEL_MAX_OPERANDS + CHAIN_STEPS];
      for (int k = 0; k < chain.arrays; ++k) arrays[k] = chain.array[k].data;
      for (; from + kBlock <= to; from += kBlock) whole(s, memory, arrays, totals, from);
    }
    for (; from < to; from += kBlock) block(s, memory, totals, from, std::min(kBlock, to - from));
  }

  void whole(const float* s, float* memory, char** arrays, double* totals, int64_t from) const {
    float sums[EASEL_MAX_OPERANDS * 16];
    for (int k = 0; k < code->slots; ++k)
      arrays[chain.arrays + k] = reinterpret_cast<char*>(memory + k * kStride) - from * kFloat;
    for (const auto& [k, slot, maximum] : code->before) {
      const float* x = steps[k].repeats ? steps[k].repeats->in_place(from, kBlock) : nullptr;
      if (x)
        arrays[chain.arrays + slot] = reinterpret_cast<char*>(const_cast<float*>(x)) - from * kFloat;
      else
        fetch(steps[k], memory + slot * kStride, from, kBlock);
    }
    code->run(s, arrays, from, from + kBlock, sums);
    for (const auto& [k, slot, maximum] : code->after) {
      const float* maxima = maximum < 0 ? nullptr : sums + (chain.sums + maximum) * code->lanes;
      put(steps[k], s, {memory + slot * kStride, 0.0f}, from, kBlock, maxima);
    }
    for (int k = 0; k < chain.sums; ++k) {
      float total = 0;  // in the order in which the loop of sum_of() ends
      for (int lane = 0; lane < code->lanes; ++lane) total += sums[k * code->lanes + lane];
      totals[outputs - chain.sums + k] += double(total);
    }
  }

  void fetch(const Step& step, float* to, int64_t from, int64_t n) const {
    const ChainStep& code = step.code;
    if (code.op == CHAIN_LOAD) return step.moves.load(to, chain.array[code.a].data, from, n);
    if (code.op == CHAIN_SPREAD) return step.repeats->read(to, from, n);
    const uint8_t* codes = chain.array[code.a].as<uint8_t>() + from;
    const float* scale = chain.array[code.b].as<float>() + from / kBlock;
    // two blocks ahead, and the next line of scales
    for (int64_t line = 0; line < kBlock; line += 64) __builtin_prefetch(codes + 2 * kBlock + line);
    __builtin_prefetch(scale + 16);
    step.bits->read(to, codes, *scale, n);
  }
  // `maxima`: numbers without sign of which the largest is x's, where they are known.
  void put(const Step& step, const float* s, const Source& x, int64_t from, int64_t n,
           const float* maxima = nullptr) const {
    const ChainStep& code = step.code;
    const int going = code.op == CHAIN_QUANTIZE ? code.c >> 8 : code.c;
    if (code.op != CHAIN_STORE && s[going - CHAIN_FIRST_SCALAR] == 0.0f) return;
    if (code.op != CHAIN_QUANTIZE) return step.moves.store(chain.array[code.to].data, x, from, n);
    const float most = maxima    ? largest_of(maxima, this->code->lanes)
                       : x.lanes ? EightBits::largest(x.lanes, n)
                                 : std::fabs(x.one);
    chain.array[code.b].as<float>()[from / kBlock] = most;
    step.bits->write(chain.array[code.to].as<uint8_t>() + from, most, x.lanes, x.one, n);
  }

  // Lanes [from, from + n), n at most kBlock; sums are added to totals by output.
  void block(const float* s, float* registers, double* totals, int64_t from, int64_t n) const {
    const auto source = [&](int32_t at) -> Source {
      if (at >= CHAIN_FIRST_ARRAY) return {chain.array[at - CHAIN_FIRST_ARRAY].as<float>() + from, 0.0f};
      if (at >= CHAIN_FIRST_SCALAR) return {nullptr, s[at - CHAIN_FIRST_SCALAR]};
      return {registers + at * kStride, 0.0f};
    };
    for (int k = chain.scalar_steps; k < chain.scalar_steps + chain.lane_steps; ++k) {
      const auto& [code, loop, moves, bits, repeats] = steps[k];
      if (code.op == CHAIN_LOAD || code.op == CHAIN_SPREAD || code.op == CHAIN_DEQUANTIZE)
        fetch(steps[k], registers + code.to * kStride, from, n);
      else if (code.op == CHAIN_STORE || code.op == CHAIN_STORE_IF || code.op == CHAIN_QUANTIZE)
        put(steps[k], s, source(code.a), from, n);
      else if (code.op == CHAIN_DITHER)
        dither_run(registers + code.to * kStride, source(code.a), source(code.b).one, from, n);
      else if (code.op == CHAIN_SUM)
        totals[code.to] += sum_of(source(code.a), n);
      else
        loop(registers + code.to * kStride, source(code.a), source(code.b),
             chain_three(code.op) ? source(code.c) : Source{nullptr, 0.0f}, n);
    }
  }

  // Of a register's lanes, 8 or 16. One after the other they took 64 of a block's 1200 cycles (AdamW8bit).
  static float largest_of(const float* x, int n) {
    float most[8];
    for (int k = 0; k < 8; ++k) most[k] = std::max(x[k], x[k + n - 8]);
    for (int k = 0; k < 4; ++k) most[k] = std::max(most[k], most[k + 4]);
    for (int k = 0; k < 2; ++k) most[k] = std::max(most[k], most[k + 2]);
    return std::max(most[0], most[1]);
  }

  static double sum_of(const Source& x, int64_t n) {
    if (!x.lanes) return double(x.one) * double(n);
    float total = 0;
#pragma omp simd reduction(+ : total)
    for (int64_t k = 0; k < n; ++k) total += x.lanes[k];
    return double(total);
  }
};

}  // namespace

inline namespace EASEL_ISA {

Run prepare_chain(const Instruction& i) {
  const Tensor& code = chain_words(i);
  const Body body(i, chain_code(i, code.as<int32_t>(), code.count()));
  const int64_t lanes = body.chain.lanes, parts = std::max<int64_t>(1, (lanes + kPart - 1) / kPart);
  const Scratch memory = i.scratch(size_t(i.threads()) * size_t(body.memory()) * sizeof(float));
  const int outputs = i.outputs(), sums = body.chain.sums;
  const Scratch partial = i.scratch(size_t(parts) * size_t(sums) * sizeof(double));
  return [=] {
    float scalars[CHAIN_SCALARS + ChainCode::kConstants];
    body.scalars(scalars);
    double* totals = partial.get<double>();
    parallel_for(parts, std::max<int64_t>(1, (1 << 14) / kPart), [&](int64_t begin, int64_t end) {
      float* own_memory = memory.get<float>() + omp_get_thread_num() * body.memory();
      for (int64_t part = begin; part < end; ++part) {
        double own[EASEL_MAX_OPERANDS] = {};
        const int64_t last = std::min(lanes, (part + 1) * kPart);
        body.part(scalars, own_memory, own, part * kPart, last);
        for (int k = 0; k < sums; ++k) totals[part * sums + k] = own[outputs - sums + k];
      }
    });
    for (int k = 0; k < sums; ++k) {
      double total = 0;
      for (int64_t part = 0; part < parts; ++part) total += totals[part * sums + k];
      body.chain.array[outputs - sums + k].as<float>()[0] = float(total);
    }
  };
}

}  // namespace EASEL_ISA
}  // namespace easel
