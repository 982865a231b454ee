// chain(code, operands…): pointwise steps that every thread runs for four lanes at a time, with registers in
// shared memory, so that global memory is read and written once however long the formula. Memory-bound: a
// step costs 12 KB of shared traffic a thousand lanes, of which a card moves some sixty while it loads their
// 28 KB.
#include "../arrays/packs.cuh"
#include "../arrays/reduce.cuh"
#include "chain.h"

namespace easel {

EASEL_DEVICE bool chain_three(int op) { return op == CHAIN_SELECT || op == CHAIN_FMA || op == CHAIN_FNMA; }

struct ChainStep {
  uint8_t op, to, a, b;
  int32_t c;
};

using Lane = Pack<float, kChainLanes>;

// What a block keeps in shared memory.
struct ChainBlock {
  int32_t counts[4];  // scalar steps, lane steps, registers, scalars
  ChainStep steps[CHAIN_STEPS];
  ChainArrays arrays;
  float scalars[CHAIN_SCALARS];
  float largest[kChainThreads / 32];  // magnitudes, by warp
  double room[32];
};
static_assert(sizeof(ChainBlock) <= kChainHead, "raise kChainHead");

#define EACH_LANE for (int l = 0; l < N; ++l)
#define UNARY(FN)                     \
  case int(CHAIN_UNARY) + int(FN):    \
    EACH_LANE y[l] = unary<FN>(a[l]); \
    return;
#define BINARY(FN)                           \
  case int(CHAIN_BINARY) + int(FN):          \
    EACH_LANE y[l] = binary<FN>(a[l], b[l]); \
    return;

template <int N>
EASEL_DEVICE void chain_function(int op, float* y, const float* a, const float* b, const float* c) {
  switch (op) {
    case CHAIN_SELECT:
      EACH_LANE y[l] = c[l] != 0.0f ? a[l] : b[l];
      return;
    case CHAIN_FMA:
      EACH_LANE y[l] = a[l] * b[l] + c[l];
      return;
    case CHAIN_FNMA:
      EACH_LANE y[l] = c[l] - a[l] * b[l];
      return;
    case CHAIN_SIGN:
      EACH_LANE y[l] = sign_of(a[l]);
      return;
    case CHAIN_FINITE:
      EACH_LANE y[l] = finite_of(a[l]);
      return;
      UNARY(UNARY_EXP)
      UNARY(UNARY_LOG)
      UNARY(UNARY_SQRT)
      UNARY(UNARY_ABS)
      UNARY(UNARY_NEG)
      UNARY(UNARY_SIN)
      UNARY(UNARY_COS)
      UNARY(UNARY_TANH)
      UNARY(UNARY_SIGMOID)
      UNARY(UNARY_SILU)
      UNARY(UNARY_GELU)
      UNARY(UNARY_QUICK_GELU)
      UNARY(UNARY_SQUARE)
      UNARY(UNARY_RECIPROCAL)
      BINARY(BINARY_ADD)
      BINARY(BINARY_SUB)
      BINARY(BINARY_MUL)
      BINARY(BINARY_DIV)
      BINARY(BINARY_MINIMUM)
      BINARY(BINARY_MAXIMUM)
  }
}

// Lanes [at, at + n) of an operand; n is kChainLanes but at the end.
template <typename T>
EASEL_DEVICE Lane chain_load(const char* data, int64_t at, int n) {
  const T* p = reinterpret_cast<const T*>(data) + at;
  Lane y;
  if (sizeof(T) == 4 && n == kChainLanes && aligned16(p)) {
    const Pack<T, kChainLanes> v = load<T, kChainLanes>(p);
    for (int l = 0; l < kChainLanes; ++l) y.at[l] = to_float(v.at[l]);
  } else {
    for (int l = 0; l < kChainLanes; ++l) y.at[l] = l < n ? to_float(p[l]) : 0.0f;
  }
  return y;
}
template <typename T>
EASEL_DEVICE void chain_store(char* data, int64_t at, int n, const Lane& v) {
  T* p = reinterpret_cast<T*>(data) + at;
  Pack<T, kChainLanes> y;
  for (int l = 0; l < kChainLanes; ++l) y.at[l] = from_float<T>(v.at[l]);
  if (sizeof(T) == 4 && n == kChainLanes && aligned16(p)) {
    store(p, y);
  } else {
    for (int l = 0; l < n; ++l) p[l] = y.at[l];
  }
}

EASEL_DEVICE void chain_scalars(ChainBlock& k) {
  for (int s = 0; s < k.counts[0]; ++s) {
    const ChainStep& step = k.steps[s];
    float* y = k.scalars + step.to;
    if (step.op == CHAIN_CONSTANT)
      *y = bits_float(uint32_t(step.c));
    else if (step.op == CHAIN_ELEMENT)
      *y = reinterpret_cast<const float*>(k.arrays.data[step.a])[step.c];
    else
      chain_function<1>(step.op, y, k.scalars + step.a, k.scalars + step.b,
                        k.scalars + (chain_three(step.op) ? step.c : 0));
  }
}

EASEL_DEVICE Lane chain_source(const ChainBlock& k, const Lane* registers, int place, int64_t at, int n) {
  if (place >= CHAIN_FIRST_ARRAY) return chain_load<float>(k.arrays.data[place - CHAIN_FIRST_ARRAY], at, n);
  return place >= CHAIN_FIRST_SCALAR ? repeated<float, kChainLanes>(k.scalars[place - CHAIN_FIRST_SCALAR])
                                     : registers[place * kChainThreads];
}

// Lanes [at, at + n) of an operand that repeats, `behind` elements at a time, every `period` lanes.
template <typename I>
EASEL_DEVICE Lane chain_spread(const float* x, I period, I behind, I at, int n) {
  Lane y;
  for (int l = 0; l < kChainLanes; ++l) {
    const I k = at + I(l);
    y.at[l] = l < n ? x[k / period * behind + k % behind] : 0.0f;
  }
  return y;
}

// Lanes of 8 bits.
EASEL_DEVICE Lane chain_dequantize(const ChainBlock& k, const ChainStep& step, int64_t at, int n) {
  const uint8_t* codes = reinterpret_cast<const uint8_t*>(k.arrays.data[step.a]) + at;
  const float* map = reinterpret_cast<const float*>(k.arrays.data[step.c]);
  const float scale =
      n > 0 ? reinterpret_cast<const float*>(k.arrays.data[step.b])[at / CHAIN_QUANTIZED_BLOCK] : 0.0f;
  Lane y;
  for (int l = 0; l < kChainLanes; ++l) y.at[l] = l < n ? map[codes[l]] * scale : 0.0f;
  return y;
}

// Two warps have one block of 8-bit numbers. Reached by every thread.
EASEL_DEVICE void chain_quantize(ChainBlock& k, const ChainStep& step, const Lane& v, int64_t at, int n) {
  static_assert(64 * kChainLanes == CHAIN_QUANTIZED_BLOCK, "two warps have one block");
  float most = 0;
  for (int l = 0; l < kChainLanes; ++l) most = fmaxf(most, l < n ? fabsf(v.at[l]) : 0.0f);
  for (int distance = 16; distance > 0; distance >>= 1) most = fmaxf(most, shuffle_xor(most, distance));
  const int warp = int(threadIdx.x) / 32;
  if (threadIdx.x % 32 == 0) k.largest[warp] = most;
  syncthreads();
  most = fmaxf(k.largest[warp & ~1], k.largest[warp | 1]);
  const float* map = reinterpret_cast<const float*>(k.arrays.data[step.c & 0xff]);
  if (threadIdx.x % 64 == 0 && n > 0)
    reinterpret_cast<float*>(k.arrays.data[step.b])[at / CHAIN_QUANTIZED_BLOCK] = most;
  const float factor = 1.0f / fmaxf(most, 1e-38f);
  for (int l = 0; l < n; ++l) {
    const float x = v.at[l] * factor;
    int code = 0;
    for (int half = CHAIN_CODES / 2; half > 0; half /= 2)
      code += (map[code + half - 1] + map[code + half]) / 2 < x ? half : 0;
    reinterpret_cast<uint8_t*>(k.arrays.data[step.to])[at + l] = uint8_t(code);
  }
  syncthreads();  // a later step may read what another thread has written
}

// The lane steps for lanes [at, at + n); this thread's sums are added to `own`, by output.
EASEL_DEVICE void chain_lanes(ChainBlock& k, Lane* registers, float* own, int64_t at, int n) {
  for (int s = k.counts[0]; s < k.counts[0] + k.counts[1]; ++s) {
    const ChainStep& step = k.steps[s];
    if (step.op == CHAIN_LOAD) {
      const char* data = k.arrays.data[step.a];
      const int32_t dtype = k.arrays.dtype[step.a];
      registers[step.to * kChainThreads] = dtype == EASEL_F32    ? chain_load<float>(data, at, n)
                                           : dtype == EASEL_BF16 ? chain_load<bf16>(data, at, n)
                                                                 : chain_load<f16>(data, at, n);
      continue;
    }
    if (step.op == CHAIN_SPREAD) {
      const float* x = reinterpret_cast<const float*>(k.arrays.data[step.a]);
      const int64_t period = k.arrays.times[step.a] * step.c;
      const bool small =
          ((at + kChainLanes) | period) >> 32 == 0;  // division of 64 bits is many instructions
      registers[step.to * kChainThreads] =
          small ? chain_spread(x, uint32_t(period), uint32_t(step.c), uint32_t(at), n)
                : chain_spread<int64_t>(x, period, step.c, at, n);
      continue;
    }
    if (step.op == CHAIN_DEQUANTIZE) {
      registers[step.to * kChainThreads] = chain_dequantize(k, step, at, n);
      continue;
    }
    if (step.op == CHAIN_QUANTIZE && k.scalars[(step.c >> 8) - CHAIN_FIRST_SCALAR] == 0.0f) continue;
    if (step.op == CHAIN_STORE_IF && k.scalars[step.c - CHAIN_FIRST_SCALAR] == 0.0f) continue;
    const Lane a = chain_source(k, registers, step.a, at, n);
    if (step.op == CHAIN_STORE || step.op == CHAIN_STORE_IF) {
      char* data = k.arrays.data[step.to];
      const int32_t dtype = k.arrays.dtype[step.to];
      if (dtype == EASEL_F32)
        chain_store<float>(data, at, n, a);
      else if (dtype == EASEL_BF16)
        chain_store<bf16>(data, at, n, a);
      else
        chain_store<f16>(data, at, n, a);
    } else if (step.op == CHAIN_QUANTIZE) {
      chain_quantize(k, step, a, at, n);
    } else if (step.op == CHAIN_DITHER) {
      const uint32_t seed = uint32_t(k.scalars[step.b - CHAIN_FIRST_SCALAR]);
      Lane y;
      for (int l = 0; l < kChainLanes; ++l) y.at[l] = dither_of(a.at[l], uint32_t(at) + uint32_t(l), seed);
      registers[step.to * kChainThreads] = y;
    } else if (step.op == CHAIN_SUM) {
      for (int l = 0; l < kChainLanes; ++l) own[step.to] += l < n ? a.at[l] : 0.0f;
    } else {
      const bool two = step.op >= CHAIN_BINARY || chain_three(step.op);
      const Lane b = two ? chain_source(k, registers, step.b, at, n) : a;
      const Lane c = chain_three(step.op) ? chain_source(k, registers, step.c, at, n) : a;
      Lane y;
      chain_function<kChainLanes>(step.op, y.at, a.at, b.at, c.at);
      registers[step.to * kChainThreads] = y;
    }
  }
}

// One block takes parts of kChainPart lanes; the sums of a part go to partial (parts, sums).
EASEL_KERNEL(128, chain,
             (const int32_t* code, int32_t words, ChainArrays arrays, int64_t lanes, int32_t first_sum,
              int32_t sums, float* partial)) {
  EASEL_SHARED(unsigned char, shared);
  ChainBlock& k = *reinterpret_cast<ChainBlock*>(shared);
  for (int w = threadIdx.x; w < words; w += blockDim.x)
    reinterpret_cast<int32_t*>(&k)[w] = code[w];  // the counts, then the steps
  if (threadIdx.x == 0) {
#pragma unroll
    for (int o = 0; o < 12; ++o)
      k.arrays.data[o] = arrays.data[o], k.arrays.dtype[o] = arrays.dtype[o],
      k.arrays.times[o] = arrays.times[o];
  }
  syncthreads();
  if (threadIdx.x == 0) chain_scalars(k);
  syncthreads();
  Lane* registers = reinterpret_cast<Lane*>(shared + kChainHead) + threadIdx.x;
  for (int64_t part = blockIdx.x; part * kChainPart < lanes; part += gridDim.x) {
    float own[12] = {};
    const int64_t end = (part + 1) * kChainPart < lanes ? (part + 1) * kChainPart : lanes;
    // every thread takes part to the end: some steps are one of all
    for (int64_t from = part * kChainPart; from < end; from += kChainThreads * kChainLanes) {
      const int64_t at = from + threadIdx.x * kChainLanes, left = end > at ? end - at : 0;
      chain_lanes(k, registers, own, at, left < kChainLanes ? int(left) : kChainLanes);
    }
    for (int s = 0; s < sums; ++s) {
      const double total = block_sum(double(own[first_sum + s]), k.room);
      if (threadIdx.x == 0) partial[part * sums + s] = float(total);
    }
  }
}

// The parts' sums, in an order that depends on their number alone. One block a sum.
EASEL_KERNEL(256, chain_total,
             (const float* partial, int64_t parts, int32_t sums, ChainArrays arrays, int32_t first_sum)) {
  EASEL_SHARED(double, room);
  double total = 0;
  for (int64_t part = threadIdx.x; part < parts; part += blockDim.x)
    total += double(partial[part * sums + blockIdx.x]);
  total = block_sum(total, room);
#pragma unroll
  for (int o = 0; o < 12; ++o)
    if (threadIdx.x == 0 && o == first_sum + int(blockIdx.x))
      *reinterpret_cast<float*>(arrays.data[o]) = float(total);
}

}  // namespace easel
