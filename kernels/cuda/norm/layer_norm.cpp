// layerNorm(x (M, C), gamma, beta; eps) -> y, mean, rstd (M), and its gradients.
#include "../../executor/shapes/norm.h"
#include "../arrays/packs.h"
#include "norm.h"

namespace easel {
namespace {

// Parameter gradients: rows of a block's tile. Depends on the shape alone, and so do the results.
constexpr int64_t kChunk = 128, kMostParts = 512;

int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by; }

// A warp for each row.
Shape warps(const Instruction& i, int64_t M) {
  return {.grid = blocks(i, M * 32, kNormThreads), .threads = kNormThreads, .shared = 0};
}

}  // namespace

Run prepare_layer_norm(const Instruction& i) {
  const auto [M, C] = layer_norm_shape(i);
  const Tensor &y = i.out(0), &mean = i.out(1), &rstd = i.out(2), &x = i.in(0), &gamma = i.in(1),
               &beta = i.in(2);
  return launch(i, kernel_name("layer_norm", x.dtype), warps(i, M), y.data, mean.data, rstd.data, x.data,
                gamma.data, beta.data, M, C, float(i.attr(ATTR_LAYER_NORM_EPS)));
}

// layerNormBackward(dy, x, gamma, mean, rstd[, residual]) -> dx
Run prepare_layer_norm_backward(const Instruction& i) {
  const auto [M, C] = layer_norm_backward_shape(i);
  const Tensor &dx = i.out(0), &dy = i.in(0), &x = i.in(1), &gamma = i.in(2), &mean = i.in(3),
               &rstd = i.in(4);
  const Tensor* residual = norm_residual(i, 5);
  return launch(i, kernel_name("layer_norm_backward", x.dtype), warps(i, M), dx.data, dy.data, x.data,
                gamma.data, mean.data, rstd.data, residual ? residual->data : nullptr, M, C);
}

// layerNormBackwardParams(dy, x, gamma, mean, rstd) -> dgamma, dbeta (C)
Run prepare_layer_norm_backward_params(const Instruction& i) {
  const auto [M, C] = layer_norm_backward_params_shape(i);
  const Tensor &dy = i.in(0), &x = i.in(1), &mean = i.in(3), &rstd = i.in(4);
  const int64_t pack = pack_of(x.dtype);
  const int64_t chunk = std::max(kChunk, up(M, kMostParts)), parts = up(M, chunk);
  const int32_t packs = C % pack == 0 && aligned16(dy.data) && aligned16(x.data);
  const int64_t lanes = packs ? pack : 1, across = packs ? kAcrossPacks : kAcross;
  const Scratch partials = i.scratch(size_t(parts * 2 * C) * sizeof(float));
  return sequence({
      launch(i, kernel_name("layer_norm_backward_sums", x.dtype),
             {.grid = {up(C, lanes * across), parts},
              .threads = kNormThreads,
              .shared = size_t(2 * lanes) * kNormThreads * sizeof(float)},
             partials, dy.data, x.data, mean.data, rstd.data, M, C, chunk, packs),
      launch(i, kernel_name("layer_norm_backward_params", x.dtype),
             {.grid = {up(C, kAcross)}, .threads = kNormThreads, .shared = 2 * kNormThreads * sizeof(float)},
             i.out(0).data, i.out(1).data, partials, parts, C),
  });
}

}  // namespace easel
