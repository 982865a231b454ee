// attention in bf16 by tiles of AMX for narrow heads, step after step (amx_steps.h). Each panel of 16 queries
// goes through a few chunks of keys, which stay in the first-level cache until all panels of the task had
// them. Weights and shifts are amx_attention.cpp's.
#include <limits>

#include "amx_attention.h"
#include "amx_products.h"
#include "amx_steps.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr int64_t kQueries = kStepQueries;
constexpr int64_t kBlock = 256;         // queries of a task
constexpr int64_t kGroup = 4 * kChunk;  // keys that panels take turns with: 28 KiB

// Of a thread.
struct Work {
  Word *queries, *weights;         // (queries, words), (2 items, 16, 16)
  float *scores, *offsets, *sums;  // (2 items, 16, 32), (queries) of shifts, (queries, columns)
};

class NarrowForward {
 public:
  NarrowForward(const Instruction& i, const AttentionShape& s)
      : s_(s), heads_(i, s), own_(i.scratch(sizeof(float) * size_t(kPerThread * i.threads()))) {}

  void run(const bf16* q, const bf16* k, const bf16* v, bf16* out, float* lse) {
    const int64_t blocks = (s_.queries + kBlock - 1) / kBlock;
    heads_.pack(k, v);
#pragma omp parallel
    {
      const amx::Session tiles;
#pragma omp for schedule(dynamic)
      for (int64_t task = 0; task < s_.batch * s_.heads * blocks; ++task)
        block(omp_get_thread_num(), task / blocks, task % blocks * kBlock, q, out, lse);
    }
  }

 private:
  static constexpr int64_t kPerThread = kBlock * (kStepWords + kStepColumns + 1) + 2 * kStepScores * 3 / 2;

  // What of an item's scores is not seen.
  void hide(const Item& item, float* scores) const {
    for (int64_t j = std::max<int64_t>(item.query + 1 - item.key, 0); s_.causal && j < kChunk; ++j)
      for (int64_t r = 0; r < std::min(item.key + j - item.query, kQueries); ++r)
        scores[r * kChunk + j] = -std::numeric_limits<float>::infinity();
  }

  int64_t seen(int64_t query) const {
    return s_.causal ? std::min(query + kQueries, heads_.keys()) : heads_.keys();
  }

  // What items of a head's block have in common.
  struct Head {
    const Word *keys, *values;
    int64_t first;
    const Work& work;
  };
  Head head_of(int64_t h, int64_t first, const Work& work) const {
    return {heads_.keys_of(h), heads_.values_of(h), first, work};
  }

  static void set(const Head& head, int64_t panel, int64_t key, Item& to) {
    to.queries = head.work.queries + panel * kStepWords;
    to.keys = head.keys + key * kStepWords;
    to.values = head.values + key / 2 * kStepColumns;
    to.offsets = head.work.offsets + panel;
    to.sums = head.work.sums + panel * kStepColumns;
    to.fresh = key == 0;
    to.query = head.first + panel;
    to.key = key;
  }

  // Sums of queries [begin, end) of a block. Shifts are the first key's scores, unless known.
  template <typename Exp2>
  void sum(int64_t begin, int64_t end, int64_t h, int64_t first, const Work& work, bool known) const {
    const float scale = s_.scale * kLog2e;
    Steps<Exp2> steps(work.scores, work.weights, scale);
    const Head head = head_of(h, first, work);
    // Items are in three stages of a step. Of none, what is computed nobody reads.
    Item items[4];
    const Item none{
        work.queries + begin * kStepWords, head.keys, head.values, work.offsets, nullptr, false, 0, 1};
    std::fill(items, items + 4, none);
    uint32_t turn = 0;
    const auto advance = [&] {
      const Item &weighed = items[(turn + 2) % 4], &added = items[(turn + 1) % 4];
      float* scores = steps.scores();
      if (weighed.key == 0 && !known)
        for (int r = 0; r < kQueries; ++r)
          weighed.offsets[r] = Exp2::offset(std::max(scores[r * kChunk] * scale, -1e30f));
      hide(weighed, scores);
      steps.step(items[turn % 4], weighed, added);
      ++turn;
    };
    for (int64_t group = 0; group < heads_.keys(); group += kGroup)
      for (int64_t panel = begin; panel < end; panel += kQueries) {
        const int64_t last = std::min(group + kGroup, seen(first + panel));
        for (int64_t key = group; key < last; key += kChunk) {
          set(head, panel, key, items[turn % 4]);
          advance();
        }
      }
    for (int k = 0; k < 3; ++k) {
      items[turn % 4] = none;
      advance();
    }
    steps.finish();
  }

  // A panel's largest scores as its shifts.
  template <typename Exp2>
  void raise(int64_t panel, int64_t h, int64_t first, const Work& work) const {
    const float scale = s_.scale * kLog2e;  // as weights have it: large scores are rounded by whole exponents
    float most[kQueries];
    std::fill(most, most + kQueries, -1e30f);
    const Head head = head_of(h, first, work);
    for (int64_t key = 0; key < seen(first + panel); key += kChunk) {
      Item at;
      set(head, panel, key, at);
      tile_product<1, 2>({at.queries, 4 * kStepWords, 0, 64}, {at.keys, 64, 2 * kTileBytes, kTileBytes}, 2,
                         true, work.scores, kChunk);
      hide(at, work.scores);
      for (int r = 0; r < kQueries; ++r)
        for (int j = 0; j < kChunk; ++j) most[r] = std::max(most[r], work.scores[r * kChunk + j] * scale);
    }
    for (int r = 0; r < kQueries; ++r) work.offsets[panel + r] = Exp2::offset(most[r]);
  }

  void block(int t, int64_t h, int64_t first, const bf16* q, bf16* out, float* lse) const {
    const int64_t rows = std::min(kBlock, s_.queries - first);
    const int64_t at = heads_.offset(h, s_.queries) + first * s_.row();
    float* own = own_.get<float>() + kPerThread * t;
    const auto take = [&](int64_t n) { return std::exchange(own, own + n); };
    Work work;
    work.queries = take(kBlock * kStepWords);
    work.weights = take(kStepScores);
    work.scores = take(2 * kStepScores);
    work.sums = take(kBlock * kStepColumns);
    work.offsets = take(kBlock);
    pad_rows(q + at, s_.row(), rows, round_up(rows, kQueries), s_.width, work.queries);
    const float of_queries = largest(work.queries, round_up(rows, kQueries) * kStepWords);
    const auto weigh = Quick::serves(of_queries * heads_.largest(h) * float(s_.width) * s_.scale * kLog2e)
                           ? &NarrowForward::finish<Quick>
                           : &NarrowForward::finish<Exact>;
    (this->*weigh)(h, first, rows, work, out + at, lse + h * s_.queries + first);
  }

  template <typename Exp2>
  void finish(int64_t h, int64_t first, int64_t rows, const Work& work, bf16* out, float* lse) const {
    sum<Exp2>(0, round_up(rows, kQueries), h, first, work, false);
    for (int64_t panel = 0; panel < rows; panel += kQueries) {
      const int64_t n = std::min(kQueries, rows - panel);
      const Sums sums{work.sums + panel * kStepColumns, kStepColumns, n, s_.width, work.offsets + panel};
      if (!sums.fit()) [[unlikely]] {
        raise<Exp2>(panel, h, first, work);
        sum<Exp2>(panel, panel + kQueries, h, first, work, true);
      }
      sums.write<Exp2>(out + panel * s_.row(), s_.row(), lse + panel);
    }
  }

  AttentionShape s_;
  Heads heads_;
  Scratch own_;
};

}  // namespace

Run amx_narrow_attention(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<NarrowForward>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  return [=] { forward->run(q.as<bf16>(), k.as<bf16>(), v.as<bf16>(), out.as<bf16>(), lse.as<float>()); };
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
