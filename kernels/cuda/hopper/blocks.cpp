#include "blocks.h"

#include <cmath>

namespace easel {
namespace {

// Clocks that a product would take, roughly: 70% of 2048 multiply-adds in each, as many to fill the pipeline
// and to write as 192 of K; parts of K as in product_plan.cpp.
double estimate(const Product& p, int width, int64_t splits, int multiprocessors) {
  const double blocks = double(p.tiles_m) * p.tiles_n * p.batch * double(splits);
  const double work = kHopperRows * width * (double(p.K) / double(splits) + 192) / 1434;
  const double parts = splits == 1 ? 0 : 1500 + 4.0 * kHopperRows * width * double(splits + 1) / 32;
  return std::ceil(blocks / multiprocessors) * work + parts;
}

size_t part_bytes(const Product& p) { return size_t(p.splits * p.batch * p.M * p.N) * sizeof(float); }
size_t ticket_bytes(const Product& p) {
  return size_t(p.tiles_m) * size_t(p.tiles_n) * size_t(p.batch) * sizeof(unsigned);
}

}  // namespace

size_t BlockWays::workspace(int which) const {
  const Product& p = products_[which];
  return p.splits == 1 ? 0 : part_bytes(p) + ticket_bytes(p);
}

int BlockWays::best() const {
  const auto time = [&](int which) {
    return estimate(products_[which], kHopperWidths[which], products_[which].splits,
                    device_.gpu.multiprocessors);
  };
  return time(0) <= time(1) ? 0 : 1;
}

Product BlockWays::product_on(const Instruction& i, int width, int64_t M, int64_t N, int64_t K, int64_t batch,
                              bool dense) {
  Product p{};
  p.M = M, p.N = N, p.K = K, p.ldy = N;
  p.batch = int32_t(batch), p.inner_count = 1;
  p.tiles_m = int32_t((M + kHopperRows - 1) / kHopperRows);
  p.tiles_n = int32_t((N + width - 1) / width);
  const int multiprocessors = gpu(i).multiprocessors;
  int64_t best = 1;
  for (int64_t splits = 2; dense && splits <= 16 && K / splits >= 4 * kHopperDepth; splits *= 2)
    if (batch * splits < 65536 &&
        estimate(p, width, splits, multiprocessors) < estimate(p, width, best, multiprocessors))
      best = splits;
  const int64_t steps = (K + kHopperDepth - 1) / kHopperDepth, each = (steps + best - 1) / best;
  p.splits = int32_t((steps + each - 1) / each), p.split_k = int32_t(each * kHopperDepth);
  return p;
}

Shape BlockWays::shape_of(const Product& p) {
  return {.grid = {.x = int64_t(p.tiles_m) * p.tiles_n, .z = int64_t(p.batch) * p.splits},
          .threads = kHopperThreads,
          .shared = size_t(kHopperShared)};
}

std::pair<char*, char*> BlockWays::parts_of(const Product& p, const Address& workspace) const {
  if (p.splits == 1) return {nullptr, nullptr};
  char *const parts = workspace.get(), *const tickets = parts + part_bytes(p);
  device_.check(
      device_.driver.set_bytes(reinterpret_cast<CUdeviceptr>(tickets), 0, ticket_bytes(p), device_.stream),
      "cuMemsetD8Async");
  return {parts, tickets};
}

}  // namespace easel
