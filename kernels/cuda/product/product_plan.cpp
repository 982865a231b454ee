// Which tile a product gets, and its launch.
#include "product_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "../device.h"
#include "../hopper/ways.h"
#include "tile_trials.h"

namespace easel {
namespace {

struct Candidate {
  const char* name;
  int height, width, threads;
  double
      speed;  // multiply-adds a clock and multiprocessor once several blocks share it, of the largest tile's
};
// Before anything was measured the speeds follow from the bytes a tile reads from shared memory for each
// multiply-add: (64 x 64), (64 x 32), (32 x 32) a warp; of the first two from those it reads from L2, which
// is the bound on some cards only.
constexpr Candidate kHalf[] = {{"256x128", 256, 128, 256, 1.2},
                               {"128x128", 128, 128, 128, 1.0},
                               {"128x64", 128, 64, 128, 0.75},
                               {"any", 64, 64, 128, 0.5}};
constexpr int kSharedOf256 = kStagesOf256 * (256 + 128) * 64;
constexpr Candidate kFloat[] = {{"128x128", 128, 128, 256, 1.0}, {"any", 64, 64, 64, 0.9}};

// EASEL_CUDA_BLOCKS=128 leaves out blocks of 256x128, to measure what they bring (tried: tile_trials.h).
bool wide_blocks(const Gpu& gpu) {
  const char* asked = getenv("EASEL_CUDA_BLOCKS");
  return gpu.shared_limit >= kSharedOf256 && !(asked && !strcmp(asked, "128"));
}

// Clocks that the product would take, roughly.
double estimate(const Candidate& c, bool half, int multiprocessors, int64_t M, int64_t N, int64_t K,
                int64_t batch, int64_t splits) {
  const double tiles =
      double((M + c.height - 1) / c.height) * double((N + c.width - 1) / c.width) * double(batch * splits);
  const double rate = (half ? 1024 : 100) * c.speed,
               overhead_k = half ? 128 : 32;  // filling the pipeline, writing
  const double work = double(c.height) * c.width * (double(K) / double(splits) + overhead_k) / rate;
  // Four warps alone leave their multiprocessor idle while they wait.
  const double rounds = std::max(std::ceil(tiles / multiprocessors), c.height == 256 ? 1.0 : 1.4);
  if (splits == 1) return rounds * work;
  // Each block writes its share to L2, the last one of a tile reads them all.
  const double share = 4.0 * double(std::min<int64_t>(c.height, M)) * double(std::min<int64_t>(c.width, N));
  return rounds * work + 1500 + share * double(splits + 1) / 32;
}

}  // namespace

std::vector<Tiling> tilings(const Instruction& i, int32_t dtype, int64_t M, int64_t N, int64_t K,
                            int64_t batch, Tiles tiles, int64_t most_splits) {
  const bool half = dtype != EASEL_F32;
  const int depth = half ? 32 : 16;
  const Candidate* const first = half ? kHalf : kFloat;
  const Candidate* const end = half ? std::end(kHalf) : std::end(kFloat);
  const int64_t steps = std::max<int64_t>((K + depth - 1) / depth, 1);
  std::vector<std::pair<double, Tiling>> timed;
  for (const Candidate* c = first; c != end; ++c) {
    if (tiles == Tiles::kAny && c + 1 != end) continue;
    if (c->height == 256 && (tiles != Tiles::kAll || !wide_blocks(gpu(i)))) continue;
    Tiling t{c->name, c->height, c->width, c->threads, 1, 0, 0, 0};
    t.blocks_m = (M + t.height - 1) / t.height;
    t.blocks_n = (N + t.width - 1) / t.width;
    const int64_t most = t.blocks_m * t.blocks_n * batch <= Program::kTickets ? most_splits : 1;
    int64_t best = 1;
    double least = 0;
    for (int64_t splits = 1; splits <= most && (splits == 1 || K / splits >= 4 * depth); splits *= 2) {
      const double time = estimate(*c, half, gpu(i).multiprocessors, M, N, K, batch, splits);
      if (splits > 1 && time >= least) continue;
      best = splits;
      least = time;
    }
    const int64_t each = (steps + best - 1) / best;
    t.splits = (steps + each - 1) / each, t.split_k = each * depth;
    timed.emplace_back(least, t);
  }
  std::stable_sort(timed.begin(), timed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Tiling> sorted;
  for (const auto& [time, t] : timed) sorted.push_back(t);
  const Tiling& t = sorted.front();
  i.require(t.blocks_m * t.blocks_n < int64_t(1) << 31 && K < (int64_t(1) << 31) - 64 &&
                M < (int64_t(1) << 31) - 256 && N < (int64_t(1) << 31) - 256,
            "it is too large");
  i.require(batch * t.splits < 65536, "the stack has more than 65535 members");
  return sorted;
}

Product product_of(const Tiling& t, int64_t M, int64_t N, int64_t K) {
  Product p{};
  p.M = M, p.N = N, p.K = K;
  p.ldy = N;
  p.batch = p.inner_count = 1;
  p.tiles_m = int32_t(t.blocks_m), p.tiles_n = int32_t(t.blocks_n);
  p.splits = int32_t(t.splits), p.split_k = int32_t(t.split_k);
  return p;
}

Shape product_shape(const Tiling& t, int64_t batch) {
  return {.grid = {.x = t.blocks_m * t.blocks_n, .z = batch * t.splits},
          .threads = t.threads,
          .shared = t.shared()};
}

Address tickets(const Instruction& i, const Tiling& t) {
  return t.splits == 1 ? Address() : Address(i.program().tickets());
}

Run add_parts(const Instruction& i, int32_t dtype, const Address& y, const Address& parts,
              const Address& bias, const Address& residual, int64_t splits, int64_t count, int64_t N) {
  return launch(i, kernel_name("add_parts", dtype), {.grid = blocks(i, count)}, y, parts, bias, residual,
                splits, count, N);
}

namespace {

bool whole(const ProductPlan& s, const Address& at, int64_t contiguous, int64_t ld, int64_t outer = 0,
           int64_t inner = 0) {
  const int64_t chunk = 16 / dtype_bytes(s.dtype);
  return at.aligned() && contiguous % chunk == 0 && ld % chunk == 0 && outer % chunk == 0 &&
         inner % chunk == 0;
}
bool vector_a(const ProductPlan& s) {
  return whole(s, s.a, s.padded_a ? 0 : s.trans_a ? s.M : s.K, s.lda, s.a_outer, s.a_inner);
}
bool vector_b(const ProductPlan& s) {
  return whole(s, s.b, s.trans_b ? s.K : s.N, s.ldb, s.b_outer, s.b_inner);
}

Run launch_product(const Instruction& i, const ProductPlan& s, const Tiling& t, const Address& parts) {
  Product p = product_of(t, s.M, s.N, s.K);
  p.lda = s.lda, p.ldb = s.ldb, p.ldy = s.ldy;
  p.a_outer = s.a_outer, p.b_outer = s.b_outer, p.y_outer = s.y_outer;
  p.a_inner = s.a_inner, p.b_inner = s.b_inner, p.y_inner = s.y_inner;
  p.batch = int32_t(s.batch), p.inner_count = int32_t(s.inner);
  p.vector_a = vector_a(s), p.vector_b = vector_b(s);
  p.vector_y = whole(s, s.y, 0, s.ldy, s.y_outer, s.y_inner) && s.bias.aligned() && s.residual.aligned();
  p.add = s.add;
  p.second_K = s.second_K, p.second_lda = s.second_lda, p.second_ldb = s.second_ldb;
  p.second_vector_a = whole(s, s.second_a, s.trans_a ? s.M : s.second_K, s.second_lda);
  p.second_vector_b = whole(s, s.second_b, s.trans_b ? s.second_K : s.N, s.second_ldb);
  const std::string name = kernel_name(
      ("matmul_" + std::string(s.trans_a ? "t" : "n") + (s.trans_b ? "t" : "n") + "_" + t.name).c_str(),
      s.dtype);
  return launch(i, name, product_shape(t, s.batch), s.y, s.a, s.b, s.second_a, s.second_b, s.bias, s.residual,
                s.sums, t.splits == 1 ? Address() : parts, tickets(i, t), p);
}

std::vector<Tiling> tilings_of(const Instruction& i, const ProductPlan& s, int64_t most_splits) {
  const bool whole_chunks = vector_a(s) && vector_b(s) && !(s.trans_a && s.trans_b);
  return tilings(i, s.dtype, s.M, s.N, s.K, s.batch, whole_chunks ? Tiles::kAll : Tiles::kAny, most_splits);
}

}  // namespace

Run whole_product(const Instruction& i, const ProductPlan& s) {
  return launch_product(i, s, tilings_of(i, s, 1).front(), {});
}

Run prepare_product(const Instruction& i, const ProductPlan& s) {
  if (s.M == 0 || s.N == 0 || s.batch == 0) return nothing();
  const int64_t count = s.batch * s.M * s.N;
  const int64_t fit = s.room_bytes ? int64_t(s.room_bytes) / (count * int64_t(sizeof(float))) : 32;
  const bool may_split = s.dense() && (s.split_sums || !s.sums.present());
  const int64_t most_splits = may_split ? std::max<int64_t>(fit, 1) : 1;
  const auto with = [&](const Tiling& t) -> OwnProduct {
    return [&i, t](const ProductPlan& s, const Address& parts) { return launch_product(i, s, t, parts); };
  };
  const Tiled tiled{
      [&](const Tiling& t) { return t.splits == 1 ? 0 : size_t(t.splits * count) * sizeof(float); },
      [&](const Tiling& t, const Places& at, const Address& parts) {
        return product_question(i, s, with(t), 0).own(at, parts);
      }};
  const Tiling t = tried_tiling(i, tilings_of(i, s, most_splits), tiled, [&] {
    Question q = product_question(i, s, {}, 0);
    q.key += ", parts " + std::to_string(most_splits);
    return q;
  });
  size_t part_bytes = tiled.part_bytes(t);
  OwnProduct own = with(t);
  hopper_product(i, s, own, part_bytes);
  if (Run theirs = vendor_product(i, s, own, part_bytes)) return theirs;
  return own(s, s.room_bytes ? Address(s.room) : part_bytes ? Address(i.scratch(part_bytes)) : Address());
}

}  // namespace easel
