// attention in bf16 by tiles of AMX for narrow heads, step after step (amx_steps.h). Each panel of 16 queries
// goes through a few chunks of keys, which stay in the first-level cache until all panels of the task had
// them. Four tiles of sums leave too little of that cache: there a panel goes through all keys that the
// second-level cache holds. Weights and shifts are amx_attention.cpp's.
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
constexpr int64_t kBlock = 256;  // queries of a task

// Of a thread.
struct Work {
  Word *queries, *weights;         // (queries, words), (2 items, 16, 16)
  float *scores, *offsets, *sums;  // (2 items, 16, 32), (queries) of shifts, (queries and 16 of none, line)
};

template <int Tiles>
class NarrowForward {
  template <typename Exp2>
  using StepsOf = Steps<Exp2, Tiles>;
  static constexpr bool kTotals = StepsOf<Exact>::kTotals;
  static constexpr int64_t kColumns = StepsOf<Exact>::kColumns, kLine = StepsOf<Exact>::kLine;
  static constexpr int64_t kGroup = (Tiles == 3 ? 4 : 128) * kChunk;  // keys that panels take turns with

 public:
  NarrowForward(const Instruction& i, const AttentionShape& s)
      : s_(s), heads_(i, s, !kTotals), own_(i.scratch(sizeof(float) * size_t(kPerThread * i.threads()))) {
    for (int64_t k = 0; k < kChunk; ++k) {
      const int64_t key = first_of_word(k / 2) + k % 2;
      ones_[k] = from_float<bf16>(1.f);
      last_ones_[k] = from_float<bf16>(heads_.keys() - kChunk + key < s.keys ? 1.f : 0.f);
    }
  }

  void run(const bf16* q, const bf16* k, const bf16* v, bf16* out, float* lse) {
    const int64_t blocks = ratio_up(s_.queries, kBlock);
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
  static constexpr int64_t kPerThread =
      kBlock * (kStepWords + kLine + 1) + kQueries * kLine + 2 * kStepScores * 3 / 2;

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

  void set(const Head& head, int64_t panel, int64_t key, Item& to) const {
    to.queries = head.work.queries + panel * kStepWords;
    to.keys = head.keys + key * kStepWords;
    to.values = head.values + key / 2 * kColumns;
    to.ones = key + kChunk < heads_.keys() ? ones_ : last_ones_;
    to.offsets = head.work.offsets + panel;
    to.sums = head.work.sums + panel * kLine;
    to.totals = to.sums + kColumns;
    to.fresh = key == 0;
    to.query = head.first + panel;
    to.key = key;
  }

  // Sums of queries [begin, end) of a block. Shifts are the first key's scores, unless known.
  template <typename Exp2>
  void sum(int64_t begin, int64_t end, int64_t h, int64_t first, const Work& work, bool known) const {
    const float scale = s_.scale * kLog2E;
    StepsOf<Exp2> steps(work.scores, work.weights, scale);
    const Head head = head_of(h, first, work);
    // Items are in three stages of a step. Of none, what is computed nobody reads.
    Item items[4];
    const Item none{
        work.queries + begin * kStepWords,     head.keys, head.values, ones_, work.offsets, nullptr,
        work.sums + kBlock * kLine + kColumns, false,     0,           1};
    std::fill(items, items + 4, none);
    uint32_t turn = 0;
    const auto advance = [&] {
      const Item &weighed = items[(turn + 2) % 4], &added = items[(turn + 1) % 4];
      float* scores = steps.scores();
      if (weighed.key == 0 && !known)
        for (int r = 0; r < kQueries; ++r)
          weighed.offsets[r] = Exp2::offset(std::max(scores[r * kChunk] * scale, -1e30f));
      if (kTotals && weighed.key == 0)
        for (int r = 0; r < kQueries; ++r) store(weighed.totals + r * kLine, Vec{});
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
    const float scale = s_.scale * kLog2E;  // as weights have it: large scores are rounded by whole exponents
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
    work.sums = take((kBlock + kQueries) * kLine);
    work.offsets = take(kBlock);
    pad_rows(q + at, s_.row(), rows, round_up(rows, kQueries), s_.width, work.queries);
    const float of_queries = largest(work.queries, round_up(rows, kQueries) * kStepWords);
    const auto weigh = Quick::serves(of_queries * heads_.largest(h) * float(s_.width) * s_.scale * kLog2E)
                           ? &NarrowForward::finish<Quick>
                           : &NarrowForward::finish<Exact>;
    (this->*weigh)(h, first, rows, work, out + at, lse + h * s_.queries + first);
  }

  // Each row's weights in the column behind its width, where others have sums of ones.
  void add_totals(float* sums) const {
    for (int r = 0; kTotals && r < kQueries; ++r, sums += kLine)
      sums[s_.width] = _mm512_reduce_add_ps((__m512)load(sums + kColumns));
  }

  template <typename Exp2>
  void finish(int64_t h, int64_t first, int64_t rows, const Work& work, bf16* out, float* lse) const {
    sum<Exp2>(0, round_up(rows, kQueries), h, first, work, false);
    for (int64_t panel = 0; panel < rows; panel += kQueries) {
      const int64_t n = std::min(kQueries, rows - panel);
      float* of_panel = work.sums + panel * kLine;
      const Sums sums{of_panel, kLine, n, s_.width, work.offsets + panel};
      add_totals(of_panel);
      if (!sums.fit()) [[unlikely]] {
        raise<Exp2>(panel, h, first, work);
        sum<Exp2>(panel, panel + kQueries, h, first, work, true);
        add_totals(of_panel);
      }
      sums.write<Exp2>(out + panel * s_.row(), s_.row(), lse + panel);
    }
  }

  AttentionShape s_;
  Heads heads_;
  Scratch own_;
  bf16 ones_[kChunk], last_ones_[kChunk];  // of a chunk's keys, and of the last one's
};

template <int Tiles>
Run of_tiles(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<NarrowForward<Tiles>>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  return [=] { forward->run(q.as<bf16>(), k.as<bf16>(), v.as<bf16>(), out.as<bf16>(), lse.as<float>()); };
}

}  // namespace

bool serves_narrow(int64_t width) {
  return sum_tiles(width) == 2 && (column_tiles(width + 1) == 3 || column_tiles(width) == 4);
}

Run amx_narrow_attention(const Instruction& i, const AttentionShape& s) {
  return column_tiles(s.width) == 4 ? of_tiles<4>(i, s) : of_tiles<3>(i, s);
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
