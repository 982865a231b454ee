// How a warp's sums leave: 16 rows at a time through shared memory, so that global memory sees whole 16-byte
// chunks of a row, with bias and residual added in float.
#pragma once
#include "product.h"
#include "vector.cuh"

namespace easel {

// y = products + bias + residual in T; or, with `sums`, the products themselves in f32.
template <typename T>
struct Output {
  T* y;
  const T* bias;      // (N) or null
  const T* residual;  // as y or null
  float* sums;        // or null
};

// slab: 16 rows of WIDTH sums, STRIDE apart; they belong at (m, n).
template <typename T, int WIDTH, int STRIDE>
EASEL_DEVICE void write_slab(const float* slab, const Output<T>& o, const Product& p, int64_t m, int64_t n) {
  constexpr int kLanes = WIDTH / 8;  // of a row
  const int lane = lane_id();
  n += lane % kLanes * 8;
#pragma unroll 1
  for (int r = lane / kLanes; r < 16; r += 32 / kLanes) {
    if (m + r >= p.M || n >= p.N) continue;
    const float* from = slab + r * STRIDE + lane % kLanes * 8;
    const int64_t at = (m + r) * p.ldy + n;
    const int count = p.N - n < 8 ? int(p.N - n) : 8;
    if (o.sums) {
      float* to = o.sums + at;
      if (count == 8 && p.ldy % 4 == 0 && !p.add) {
        reinterpret_cast<Float4*>(to)[0] = load4(from);
        reinterpret_cast<Float4*>(to)[1] = load4(from + 4);
      } else {
        for (int e = 0; e < count; ++e) to[e] = p.add ? to[e] + from[e] : from[e];
      }
    } else if (p.vector_y && count == 8) {
      float v[8], more[8];
      load8(v, from);
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
      for (int e = 0; e < count; ++e) {
        float v = from[e];
        if (o.bias) v += to_float(o.bias[n + e]);
        if (o.residual) v += to_float(o.residual[at + e]);
        o.y[at + e] = from_float<T>(v);
      }
    }
  }
}

}  // namespace easel
