// chain(code, operands…): pointwise steps over blocks of lanes whose registers stay in the first-level cache,
// so that memory is read and written once however long the formula. Memory-bound.
#include "../executor/shapes/chain.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "chain_code.h"
#include "kernel.h"

namespace easel {
namespace {

constexpr int64_t kBlock =
    256;  // lanes of a step at a time: its registers and operands fit into 32 KiB together
static_assert(kBlock == CHAIN_QUANTIZED_BLOCK, "a block of lanes is one of 8-bit numbers");
constexpr float kLeastScale = 1e-38f;     // where all of a block is 0
constexpr int64_t kStride = kBlock + 16;  // between registers
constexpr int64_t kPart = 1 << 16;        // lanes whose sums are added up before those of other threads
constexpr int kUnaries = int(CHAIN_BINARY) - int(CHAIN_UNARY), kBinaries = CHAIN_END - CHAIN_BINARY;

// One step over n lanes. A null pointer among a, b, c stands for the number beside it.
struct Source {
  const float* lanes;
  float one;
};
using Loop = void (*)(float* y, const Source& a, const Source& b, const Source& c, int64_t n);

template <typename F>
EASEL_FN void each(float* y, const Source& a, int64_t n, F f) {
  const float* x = a.lanes;
  if (x) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(x[k]);
  } else {
    std::fill_n(y, n, f(a.one));
  }
}

template <typename F>
EASEL_FN void each(float* y, const Source& a, const Source& b, int64_t n, F f) {
  const float *p = a.lanes, *q = b.lanes, u = a.one, v = b.one;
  if (p && q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k]);
  } else if (p) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v);
  } else if (q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(u, q[k]);
  } else {
    std::fill_n(y, n, f(u, v));
  }
}

template <int Fn>
void unary_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return unary<Fn>(x); });
}
template <int Fn>
void binary_loop(float* y, const Source& a, const Source& b, const Source&, int64_t n) {
  each(y, a, b, n, [](float x, float z) { return binary<Fn>(x, z); });
}
template <bool Minus>
void fma_loop(float* y, const Source& a, const Source& b, const Source& c, int64_t n) {
  const auto f = [](float x, float z, float w) { return Minus ? w - x * z : x * z + w; };
  const float *p = a.lanes, *q = b.lanes, *r = c.lanes, v = b.one, w = c.one;
  if (p && q && r) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k], r[k]);
  } else if (p && !q && r) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v, r[k]);
  } else if (p && !q) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], v, w);
  } else if (p) {
#pragma omp simd
    for (int64_t k = 0; k < n; ++k) y[k] = f(p[k], q[k], w);
  } else if (q) {
    fma_loop<Minus>(y, b, a, c, n);
  } else {
    each(y, c, n, [=, x = a.one](float z) { return f(x, v, z); });
  }
}
void sign_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return sign_of(x); });
}
void finite_loop(float* y, const Source& a, const Source&, const Source&, int64_t n) {
  each(y, a, n, [](float x) { return finite_of(x); });
}
void select_loop(float* y, const Source& a, const Source& b, const Source& c, int64_t n) {
  if (!c.lanes) return each(y, c.one != 0.0f ? a : b, n, [](float x) { return x; });
  const float *p = a.lanes, *q = b.lanes, *r = c.lanes, u = a.one, v = b.one;
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    const float x = p ? p[k] : u, z = q ? q[k] : v;
    y[k] = r[k] != 0.0f ? x : z;
  }
}

template <int... U, int... B>
Loop choose(int op, std::integer_sequence<int, U...>, std::integer_sequence<int, B...>) {
  static const Loop unaries[] = {unary_loop<U>...}, binaries[] = {binary_loop<B>...};
  if (op >= CHAIN_BINARY) return binaries[op - CHAIN_BINARY];
  if (op >= CHAIN_UNARY) return unaries[op - CHAIN_UNARY];
  switch (op) {
    case CHAIN_SELECT:
      return select_loop;
    case CHAIN_FMA:
      return fma_loop<false>;
    case CHAIN_FNMA:
      return fma_loop<true>;
    default:
      return op == CHAIN_SIGN ? sign_loop : finite_loop;
  }
}
Loop loop_of(int op) {
  return choose(op, std::make_integer_sequence<int, kUnaries>(),
                std::make_integer_sequence<int, kBinaries>());
}

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

// Runs of one block of 8-bit numbers.
void dequantize_run(float* y, const uint8_t* codes, float scale, const float* map, int64_t n) {
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) y[k] = map[codes[k]] * scale;
}

// Halfway between neighbours of the map; the code of x is how many of them are below it. `below` has that
// number for the smallest x of each range of 2^16 neighbouring floats, in which at most one of them lies, so
// that one comparison more is enough.
struct Midpoints {
  static constexpr int32_t kFirst = (127 - 24) << 7, kRanges = 25 << 7;  // from 2^-24 to what is just above 1
  float at[CHAIN_CODES];
  int32_t below[2 * kRanges];

  explicit Midpoints(const float* map) {
    for (int k = 0; k + 1 < CHAIN_CODES; ++k) at[k] = (map[k] + map[k + 1]) / 2;
    at[CHAIN_CODES - 1] = INFINITY;
    for (int32_t range = 0; range < kRanges; ++range) {
      const uint32_t bits = uint32_t(kFirst + range) << 16;
      below[range] = count(range ? bits_float(bits) : 0.0f);
      below[kRanges + range] = count(-bits_float(bits | 0xffffu));
    }
  }
  int32_t count(float x) const { return int32_t(std::lower_bound(at, at + CHAIN_CODES - 1, x) - at); }
};
void quantize_run(uint8_t* codes, float* scale, const Source& x, const Midpoints& middle, int64_t n) {
  float most = 0;
  if (x.lanes) {
#pragma omp simd reduction(max : most)
    for (int64_t k = 0; k < n; ++k) most = std::max(most, std::fabs(x.lanes[k]));
  } else {
    most = std::fabs(x.one);
  }
  *scale = most;
  const float factor = 1.0f / std::max(most, kLeastScale);
  if (!x.lanes) {
    std::fill_n(codes, n, uint8_t(middle.count(x.one * factor)));
    return;
  }
  const float *at = middle.at, *lanes = x.lanes;
  const int32_t* below = middle.below;
#pragma omp simd
  for (int64_t k = 0; k < n; ++k) {
    const float v = lanes[k] * factor;
    const uint32_t bits = float_bits(v);
    int32_t range = int32_t((bits & 0x7fffffffu) >> 16) - Midpoints::kFirst;
    range = std::min(std::max(range, 0), Midpoints::kRanges - 1);
    const int32_t code = below[range + int32_t(bits >> 31) * Midpoints::kRanges];
    codes[k] = uint8_t(code + (at[code] < v ? 1 : 0));
  }
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
  std::shared_ptr<const Midpoints> middle;
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
      if (s.op == CHAIN_QUANTIZE)
        steps[k].middle = std::make_shared<Midpoints>(chain.array[s.c & 0xff].as<float>());
      if (s.op >= CHAIN_SELECT) steps[k].loop = loop_of(s.op);
    }
  }

  void scalars(float* s) const {
    for (int k = 0; k < chain.scalar_steps; ++k) {
      const auto& [code, loop, moves, middle] = steps[k];
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
      arrays[chain.arrays + k] =
          reinterpret_cast<char*>(memory + k * kStride) - from * int64_t(sizeof(float));
    for (const auto& [k, slot] : code->before) fetch(steps[k], memory + slot * kStride, from, kBlock);
    code->run(s, arrays, from, from + kBlock, sums);
    for (const auto& [k, slot] : code->after) put(steps[k], s, {memory + slot * kStride, 0.0f}, from, kBlock);
    for (int k = 0; k < chain.sums; ++k) {
      float total = 0;  // in the order in which the loop of sum_of() ends
      for (int lane = 0; lane < code->lanes; ++lane) total += sums[k * code->lanes + lane];
      totals[outputs - chain.sums + k] += double(total);
    }
  }

  void fetch(const Step& step, float* to, int64_t from, int64_t n) const {
    const ChainStep& code = step.code;
    if (code.op == CHAIN_LOAD) return step.moves.load(to, chain.array[code.a].data, from, n);
    dequantize_run(to, chain.array[code.a].as<uint8_t>() + from,
                   chain.array[code.b].as<float>()[from / kBlock], chain.array[code.c].as<float>(), n);
  }
  void put(const Step& step, const float* s, const Source& x, int64_t from, int64_t n) const {
    const ChainStep& code = step.code;
    const int going = code.op == CHAIN_QUANTIZE ? code.c >> 8 : code.c;
    if (code.op != CHAIN_STORE && s[going - CHAIN_FIRST_SCALAR] == 0.0f) return;
    if (code.op != CHAIN_QUANTIZE) return step.moves.store(chain.array[code.to].data, x, from, n);
    quantize_run(chain.array[code.to].as<uint8_t>() + from, chain.array[code.b].as<float>() + from / kBlock,
                 x, *step.middle, n);
  }

  // Lanes [from, from + n), n at most kBlock; sums are added to totals by output.
  void block(const float* s, float* registers, double* totals, int64_t from, int64_t n) const {
    const auto source = [&](int32_t at) -> Source {
      if (at >= CHAIN_FIRST_ARRAY) return {chain.array[at - CHAIN_FIRST_ARRAY].as<float>() + from, 0.0f};
      if (at >= CHAIN_FIRST_SCALAR) return {nullptr, s[at - CHAIN_FIRST_SCALAR]};
      return {registers + at * kStride, 0.0f};
    };
    for (int k = chain.scalar_steps; k < chain.scalar_steps + chain.lane_steps; ++k) {
      const auto& [code, loop, moves, middle] = steps[k];
      if (code.op == CHAIN_LOAD || code.op == CHAIN_DEQUANTIZE)
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
