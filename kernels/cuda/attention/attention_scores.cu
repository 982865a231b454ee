// The steps between the products of attention by way of memory (attention_scores.cpp): softmax over rows of
// scores, and its gradient. Memory-bound. Rows of a chunk of queries, for each head of each member of the
// batch: scores (batch * heads, chunk, ld), ld being the keys rounded up to whole chunks; what is beyond them
// becomes 0.
#include "../device.cuh"
#include "attention.h"

namespace easel {

// A block a row. `weights` may lie where `scores` do.
template <typename T>
EASEL_DEVICE void scores_softmax(float* room, T* weights, float* lse, const float* scores, int64_t rows,
                                 int64_t chunk, int64_t first, int64_t ld, const Heads& s) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const int64_t query = first + r % chunk, end = s.causal && query + 1 < s.keys ? query + 1 : s.keys;
    const float* from = scores + r * ld;
    float most = -INFINITY, sum = 0;
    for (int64_t k = threadIdx.x; k < end; k += blockDim.x) most = fmaxf(most, from[k]);
    most = block_max(most, room);
    for (int64_t k = threadIdx.x; k < end; k += blockDim.x) sum += exp_of(s.scale * (from[k] - most));
    sum = block_sum(sum, room);
    if (threadIdx.x == 0) lse[r / chunk * s.queries + query] = s.scale * most + logf(sum);
    const float inverse = 1 / sum;
    for (int64_t k = threadIdx.x; k < ld; k += blockDim.x)
      weights[r * ld + k] = from_float<T>(k < end ? exp_of(s.scale * (from[k] - most)) * inverse : 0);
  }
}

// From scores and the gradient of weights: weights, and the gradient of scores, in the places of either.
template <typename T>
EASEL_DEVICE void scores_backward(T* weights, T* dscores, const float* scores, const float* dweights,
                                  const float* lse, const float* delta, int64_t rows, int64_t chunk,
                                  int64_t first, int64_t ld, const Heads& s) {
  EASEL_GRID_STRIDE(i, rows * ld) {
    const int64_t r = i / ld, key = i - r * ld, query = first + r % chunk, at = r / chunk * s.queries + query;
    const bool seen = key < s.keys && !(s.causal && key > query);
    const float weight = seen ? exp_of(s.scale * scores[i] - lse[at]) : 0;
    const float slope = seen ? s.scale * weight * (dweights[i] - delta[at]) : 0;
    weights[i] = from_float<T>(weight);
    dscores[i] = from_float<T>(slope);
  }
}

// delta (batch, heads, queries) = sum of dy * out over a head's width: a warp each.
template <typename T>
EASEL_DEVICE void attention_delta(float* delta, const T* dy, const T* out, int64_t rows, const Heads& s) {
  const int64_t warps = int64_t(gridDim.x) * (blockDim.x / 32);
  for (int64_t r = int64_t(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; r < rows; r += warps) {
    const int64_t query = r % s.queries, head = r / s.queries % s.heads, batch = r / s.queries / s.heads;
    const int64_t at = (batch * s.queries + query) * s.row + head * s.width;
    float sum = 0;
    for (int c = lane_id(); c < s.width; c += 32) sum += to_float(dy[at + c]) * to_float(out[at + c]);
    sum = warp_sum(sum);
    if (lane_id() == 0) delta[r] = sum;
  }
}

#define SCORES(T, DTYPE)                                                                                  \
  EASEL_KERNEL(256, scores_softmax_##DTYPE,                                                               \
               (T * weights, float* lse, const float* scores, int64_t rows, int64_t chunk, int64_t first, \
                int64_t ld, Heads s)) {                                                                   \
    EASEL_SHARED(float, room);                                                                            \
    scores_softmax(room, weights, lse, scores, rows, chunk, first, ld, s);                                \
  }                                                                                                       \
  EASEL_KERNEL(256, scores_backward_##DTYPE,                                                              \
               (T * weights, T * dscores, const float* scores, const float* dweights, const float* lse,   \
                const float* delta, int64_t rows, int64_t chunk, int64_t first, int64_t ld, Heads s)) {   \
    scores_backward(weights, dscores, scores, dweights, lse, delta, rows, chunk, first, ld, s);           \
  }                                                                                                       \
  EASEL_KERNEL(256, attention_delta_##DTYPE,                                                              \
               (float* delta, const T* dy, const T* out, int64_t rows, Heads s)) {                        \
    attention_delta(delta, dy, out, rows, s);                                                             \
  }
SCORES(float, f32)
SCORES(f16, f16)
SCORES(bf16, bf16)

}  // namespace easel
