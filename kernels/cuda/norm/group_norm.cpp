// groupNorm(x (N, ..., C), gamma, beta; groups, eps, silu) -> y, mean, rstd (N, groups), and its gradients.
#include "../../executor/shapes/norm.h"
#include "../arrays/packs.h"
#include "norm.h"

namespace easel {
namespace {

// Pixels of a block's tile: each thread takes a few, so that partial sums are few beside x itself. Depends on
// the shape alone, and so do the results.
constexpr int64_t kChunk = 128, kMostParts = 512;

int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by; }

Groups sizes(const Instruction& i, const GroupNormShape& s) {
  i.require(s.C < 1 << 24, "has too many channels");
  Groups z{};
  z.N = s.N;
  z.P = s.P;
  z.chunk = std::max(kChunk, up(s.P, kMostParts));
  z.C = int32_t(s.C);
  z.G = int32_t(s.G);
  z.width = int32_t(s.width);
  z.parts = int32_t(up(s.P, z.chunk));
  z.silu = s.silu;
  z.packs = s.C % pack_of(i.out(0).dtype) == 0;  // x's dtype in all three ops
  z.eps = s.eps;
  return z;
}

// A block for each tile of channels, part of a picture, and picture.
Shape tiles(const Groups& z, int32_t dtype, int floats) {
  const int64_t lanes = z.packs ? pack_of(dtype) : 1, across = z.packs ? kAcrossPacks : kAcross;
  return {.grid = {up(z.C, lanes * across), z.parts, std::min<int64_t>(z.N, 65535)},
          .threads = kNormThreads,
          .shared = size_t(floats * lanes) * kNormThreads * sizeof(float)};
}

// A block for each group and picture.
Shape groups(const Groups& z, size_t shared) {
  return {.grid = {z.N * z.G}, .threads = kNormThreads, .shared = shared};
}

size_t partial_bytes(const Groups& z) { return size_t(z.N * z.parts * 2 * z.C) * sizeof(float); }

// Of a gradient: dy, x, gamma and beta are its first inputs.
Groups backward_sizes(const Instruction& i, const GroupNormShape& s) {
  Groups z = sizes(i, s);
  for (int k = 0; k < 4; ++k) z.packs = z.packs && aligned16(i.in(k).data);
  return z;
}

Run sums(const Instruction& i, const Groups& z, const Scratch& partials) {
  return launch(i, kernel_name("group_norm_backward_sums", i.in(1).dtype), tiles(z, i.in(1).dtype, 2),
                partials, i.in(0).data, i.in(1).data, i.in(2).data, i.in(3).data, i.in(4).data, i.in(5).data,
                z);
}

}  // namespace

Run prepare_group_norm(const Instruction& i) {
  const Tensor &y = i.out(0), &mean = i.out(1), &rstd = i.out(2), &x = i.in(0), &gamma = i.in(1),
               &beta = i.in(2);
  Groups z = sizes(i, group_norm_shape(i));
  for (const Tensor* t : {&y, &x, &gamma, &beta}) z.packs = z.packs && aligned16(t->data);
  const auto named = [&](const char* stem) { return kernel_name(stem, x.dtype); };
  if (z.P * z.width <= kSmallGroup)
    return launch(i, named("group_norm_small"), groups(z, size_t(32 + z.P * z.width) * sizeof(float)), y.data,
                  mean.data, rstd.data, x.data, gamma.data, beta.data, z);
  const Scratch partials = i.scratch(partial_bytes(z));
  return sequence({
      launch(i, named("group_norm_sums"), tiles(z, x.dtype, 2), partials, x.data, z),
      launch(i, named("group_norm_statistics"), groups(z, 32 * sizeof(double)), mean.data, rstd.data,
             partials, x.data, z),
      launch(i, named("group_norm"), tiles(z, x.dtype, 0), y.data, x.data, gamma.data, beta.data, mean.data,
             rstd.data, z),
  });
}

// groupNormBackward(dy, x, gamma, beta, mean, rstd[, residual]) -> dx
Run prepare_group_norm_backward(const Instruction& i) {
  Groups z = backward_sizes(i, group_norm_backward_shape(i));
  const Tensor &dx = i.out(0), &x = i.in(1), &gamma = i.in(2), &rstd = i.in(5);
  const Tensor* residual = norm_residual(i, 6);
  const void* added = residual ? residual->data : nullptr;
  z.packs = z.packs && aligned16(dx.data) && aligned16(added);
  const Scratch partials = i.scratch(partial_bytes(z)),
                terms = i.scratch(size_t(z.N * z.G * 2) * sizeof(float));
  return sequence({
      sums(i, z, partials),
      launch(i, kernel_name("group_norm_backward_terms", x.dtype), groups(z, 32 * sizeof(double)), terms,
             partials, gamma.data, rstd.data, z),
      launch(i, kernel_name("group_norm_backward", x.dtype), tiles(z, x.dtype, 0), dx.data, i.in(0).data,
             x.data, gamma.data, i.in(3).data, i.in(4).data, rstd.data, terms, added, z),
  });
}

// groupNormBackwardParams(dy, x, gamma, beta, mean, rstd) -> dgamma, dbeta (C)
Run prepare_group_norm_backward_params(const Instruction& i) {
  const Groups z = backward_sizes(i, group_norm_backward_params_shape(i));
  const Tensor& x = i.in(1);
  const Scratch partials = i.scratch(partial_bytes(z));
  return sequence({
      sums(i, z, partials),
      launch(
          i, kernel_name("group_norm_backward_params", x.dtype),
          {.grid = {up(z.C, kAcross)}, .threads = kNormThreads, .shared = 2 * kNormThreads * sizeof(float)},
          i.out(0).data, i.out(1).data, partials, z.N * z.parts, int64_t(z.C)),
  });
}

}  // namespace easel
