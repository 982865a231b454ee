// groupNorm(x (N, ..., C), gamma, beta; groups, eps, silu) -> y, mean, rstd (N, groups), and its gradients.
#include "norm.h"
#include "packs.h"

namespace easel {
namespace {

// Pixels of a block's tile: each thread takes a few, so that partial sums are few beside x itself. Depends on
// the shape alone, and so do the results.
constexpr int64_t kChunk = 128, kMostParts = 512;

int64_t up(int64_t n, int64_t by) { return (n + by - 1) / by; }

Groups sizes(const Instruction& i, const Tensor& x, const Tensor& mean, const Tensor& rstd) {
  i.require_float(x);
  const int64_t G = i.integer(ATTR_GROUP_NORM_GROUPS), C = x.last();
  i.require(x.rank >= 2 && x.count() > 0, "is empty");
  i.require(G > 0 && C % G == 0, "the channels do not divide into the groups");
  i.require(C < 1 << 24, "has too many channels");
  const int64_t N = x.dims[0], P = x.count() / N / C;
  for (const Tensor* t : {&mean, &rstd})
    i.require(t->dtype == EASEL_F32 && t->count() == N * G, "mean and rstd must be f32 (N, groups)");
  Groups z{};
  z.N = N;
  z.P = P;
  z.chunk = std::max(kChunk, up(P, kMostParts));
  z.C = int32_t(C);
  z.G = int32_t(G);
  z.width = int32_t(C / G);
  z.parts = int32_t(up(P, z.chunk));
  z.silu = i.attr(ATTR_GROUP_NORM_SILU) != 0;
  z.packs = C % pack_of(x.dtype) == 0;
  z.eps = float(i.attr(ATTR_GROUP_NORM_EPS));
  return z;
}

void check_channels(const Instruction& i, const Tensor& x, const Tensor& p) {
  i.require(p.dtype == x.dtype && p.count() == x.last(), "gamma and beta must be (C) in x's dtype");
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

// dy, x, gamma, beta, mean, rstd of a gradient.
Groups backward_sizes(const Instruction& i) {
  const Tensor &dy = i.in(0), &x = i.in(1);
  i.require_same(dy, x);
  check_channels(i, x, i.in(2));
  check_channels(i, x, i.in(3));
  Groups z = sizes(i, x, i.in(4), i.in(5));
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
  i.require_counts(3, 3);
  const Tensor &y = i.out(0), &mean = i.out(1), &rstd = i.out(2), &x = i.in(0), &gamma = i.in(1),
               &beta = i.in(2);
  i.require_same(y, x);
  Groups z = sizes(i, x, mean, rstd);
  check_channels(i, x, gamma);
  check_channels(i, x, beta);
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

// groupNormBackward(dy, x, gamma, beta, mean, rstd) -> dx
Run prepare_group_norm_backward(const Instruction& i) {
  i.require_counts(1, 6);
  const Tensor &dx = i.out(0), &x = i.in(1), &gamma = i.in(2), &rstd = i.in(5);
  i.require_same(dx, x);
  Groups z = backward_sizes(i);
  z.packs = z.packs && aligned16(dx.data);
  const Scratch partials = i.scratch(partial_bytes(z)),
                terms = i.scratch(size_t(z.N * z.G * 2) * sizeof(float));
  return sequence({
      sums(i, z, partials),
      launch(i, kernel_name("group_norm_backward_terms", x.dtype), groups(z, 32 * sizeof(double)), terms,
             partials, gamma.data, rstd.data, z),
      launch(i, kernel_name("group_norm_backward", x.dtype), tiles(z, x.dtype, 0), dx.data, i.in(0).data,
             x.data, gamma.data, i.in(3).data, i.in(4).data, rstd.data, terms, z),
  });
}

// groupNormBackwardParams(dy, x, gamma, beta, mean, rstd) -> dgamma, dbeta (C)
Run prepare_group_norm_backward_params(const Instruction& i) {
  i.require_counts(2, 6);
  const Tensor& x = i.in(1);
  check_channels(i, x, i.out(0));
  check_channels(i, x, i.out(1));
  const Groups z = backward_sizes(i);
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
