// How a warp's sums leave: 16 rows at a time through shared memory, so that global memory sees whole 16-byte
// chunks of a row, with bias and residual added in float.
#pragma once
#include "../arrays/vector.cuh"
#include "product.h"

namespace easel {

// y = products + bias + residual in T; or, with `sums`, the products themselves in f32. With `parts` K is
// cut: each block leaves its share there, and the last one of a tile adds them in their order.
template <typename T>
struct Output {
  T* y;
  const T* bias;      // (N) or null
  const T* residual;  // as y or null
  float* sums;        // or null
  float* parts;       // (splits, batch, M, N) or null
  unsigned* tickets;  // with parts: a counter a tile, 0 before and after the launch
};

// The first `count` of eight sums to consecutive places; vector: those are a multiple of 16 when there are
// eight.
EASEL_DEVICE void write_sums(const float (&v)[8], int count, float* to, bool vector) {
  if (vector && count == 8) return store8(to, v);
#pragma unroll
  for (int e = 0; e < 8; ++e)
    if (e < count) to[e] = v[e];
}

// The first `count` of eight sums, of column n on, to their place `at` in y. All indices are constants, so
// the sums stay in registers.
template <typename T>
EASEL_DEVICE void write_chunk(float (&v)[8], int count, const Output<T>& o, const Product& p, int64_t at,
                              int64_t n) {
  if (o.sums) {
    if (!p.add) return write_sums(v, count, o.sums + at, p.ldy % 4 == 0);
#pragma unroll
    for (int e = 0; e < 8; ++e)
      if (e < count) o.sums[at + e] += v[e];
  } else if (p.vector_y && count == 8) {
    float more[8];
    if (o.bias) {
      load8(more, o.bias + n);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += more[e];
    }
    if (o.residual) {
      load8(more, o.residual + at);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += more[e];
    }
    store8(o.y + at, v);
  } else {
#pragma unroll
    for (int e = 0; e < 8; ++e)
      if (e < count) {
        if (o.bias) v[e] += to_float(o.bias[n + e]);
        if (o.residual) v[e] += to_float(o.residual[at + e]);
        o.y[at + e] = from_float<T>(v[e]);
      }
  }
}

// slab: 16 rows of WIDTH sums, STRIDE apart; they belong at (m, n). part: where this block's share goes, null
// if K is whole.
template <typename T, int WIDTH, int STRIDE>
EASEL_DEVICE void write_slab(const float* slab, const Output<T>& o, float* part, const Product& p, int64_t m,
                             int64_t n) {
  constexpr int kLanes = WIDTH / 8;  // of a row
  const int lane = lane_id();
  n += lane % kLanes * 8;
#pragma unroll 1
  for (int r = lane / kLanes; r < 16; r += 32 / kLanes) {
    if (m + r >= p.M || n >= p.N) continue;
    float v[8];
    load8(v, slab + r * STRIDE + lane % kLanes * 8);
    const int64_t at = (m + r) * p.ldy + n;
    const int count = p.N - n < 8 ? int(p.N - n) : 8;
    if (part)
      write_sums(v, count, part + at, p.ldy % 4 == 0);
    else
      write_chunk(v, count, o, p, at, n);
  }
}

// Whether all shares of this block's tile are there now, this one's being the last: the same for all threads.
// room: a word of shared memory.
EASEL_DEVICE bool last_part(unsigned* ticket, int splits, unsigned* room) {
  thread_fence();
  syncthreads();
  if (threadIdx.x == 0) *room = atomic_turn(ticket, unsigned(splits - 1));
  syncthreads();
  const bool last = *room == unsigned(splits - 1);
  thread_fence();
  return last;
}

// The shares of a BM x BN tile at (m, n), added in their order whichever block does it. They come from L2: a
// thread reads eight neighbours of each, four shares at once.
template <typename T, int BM, int BN>
EASEL_DEVICE void add_parts(const Output<T>& o, const Product& p, int64_t m, int64_t n) {
  const int64_t distance = p.batch * p.M * p.N;
  const bool vector = p.ldy % 4 == 0;
  for (int chunk = int(threadIdx.x); chunk < BM * (BN / 8); chunk += int(blockDim.x)) {
    const int64_t row = m + chunk / (BN / 8), column = n + chunk % (BN / 8) * 8, at = row * p.ldy + column;
    if (row >= p.M || column >= p.N) continue;
    const int count = p.N - column < 8 ? int(p.N - column) : 8;
    float sums[8] = {};
    const float* from = o.parts + at;
    if (vector && count == 8) {
#pragma unroll 4
      for (int s = 0; s < p.splits; ++s, from += distance) {
        float v[8];
        load8(v, from);
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[e] += v[e];
      }
    } else {
      for (int s = 0; s < p.splits; ++s, from += distance)
#pragma unroll
        for (int e = 0; e < 8; ++e)
          if (e < count) sums[e] += from[e];
    }
    write_chunk(sums, count, o, p, at, column);
  }
}

}  // namespace easel
