// attention in bf16 by tiles of AMX, unit after unit (amx_units.h). What bounds it are the tiles' ways to
// memory and back, which the processor hides in part. Most heads of 34 to 64 go another way
// (amx_narrow_attention.cpp).
//
// A weight is 2^(scale * score - shift), and the shift is the score of the first key: the sum is 1 at least,
// and needs no running maximum. Only where it becomes very large a panel is computed again, shifted by its
// largest score. Sums of weights are those of one more column of v, of ones.
#include "amx_attention.h"

#include <limits>

#include "amx_heads.h"
#include "amx_units.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr int kQueries = kUnitQueries, kKeys = kUnitKeys;
constexpr int64_t kBlock = 128;  // queries of a task at least
// Bytes of packed keys and values that stay in a core's cache while panels take turns.
constexpr size_t kNear = 3 << 19;

// Of a thread.
struct Work {
  Word* queries;     // (panels of 32, 32, words)
  float* scores[2];  // of a unit, chunk after chunk
  Word* weights[2];
  float* offsets;  // (queries), of shifts
  float* sums;     // (panels, 32, columns)
};

struct Unit {
  int64_t panel, key;
  int chunks;
};

class AmxForward {
 public:
  AmxForward(const Instruction& i, const AttentionShape& s)
      : s_(s),
        row_(s.row()),
        heads_(i, s),
        words_(heads_.words()),
        columns_(heads_.columns()),
        block_(s.keys > 4 * kKeys ? kBlock : 4 * kBlock),
        together_(sizeof(Word) * size_t(heads_.head_words()) <= kNear && s.keys > 4 * kKeys
                      ? 1
                      : block_ / kQueries),
        per_thread_(size_t(block_ * words_ + 2 * kQueries * kKeys * 3 / 2 + block_ + block_ * columns_)),
        own_(i.scratch(sizeof(float) * per_thread_ * size_t(i.threads()))) {}

  void run(const bf16* q, const bf16* k, const bf16* v, bf16* out, float* lse) {
    const int64_t heads = s_.batch * s_.heads, blocks = ratio_up(s_.queries, block_);
    heads_.pack(k, v);
#pragma omp parallel
    {
      const amx::Session tiles;
#pragma omp for schedule(dynamic)
      for (int64_t task = 0; task < heads * blocks; ++task)
        block(omp_get_thread_num(), task / blocks, task % blocks * block_, q, out, lse);
    }
  }

 private:
  // What of a unit's scores is not seen.
  void hide(const Unit& u, int64_t first, float* scores) const {
    const int64_t from = first + u.panel * kQueries;
    if (!s_.causal || u.key + u.chunks * kChunk <= from + 1) return;
    for (int64_t j = 0; j < u.chunks * kChunk; ++j)
      for (int64_t r = 0; r < std::min<int64_t>(u.key + j - from, kQueries); ++r)
        scores[(j / kChunk * kQueries + r) * kChunk + j % kChunk] = -std::numeric_limits<float>::infinity();
  }

  // The unit after u among those of panels [begin, end): of all panels, then the next keys. No chunks: none.
  Unit after(Unit u, int64_t begin, int64_t end, int64_t first) const {
    if (++u.panel == end) {
      u.key += kKeys;
      u.panel = s_.causal ? std::max(begin, (u.key - first) / kQueries) : begin;
    }
    const int64_t left = u.panel < end ? heads_.keys() - u.key : 0;
    u.chunks = int(std::clamp<int64_t>(left / kChunk, 0, kKeys / kChunk));
    return u;
  }

  template <typename W>
  void multiply(const Unit& u, int64_t h, const Work& work, float* scores, W& w, int share) const {
    const Word* queries = work.queries + u.panel * kQueries * words_;
    multiply_scores(queries, heads_.keys_of(h) + u.key * words_, words_, u.chunks, scores, w, share);
  }

  template <typename W>
  void add(const Unit& u, int64_t h, const Word* weights, const Work& work, W& w, int share) const {
    float* sums = work.sums + u.panel * kQueries * columns_;
    const Word* values = heads_.values_of(h) + u.key / 2 * columns_;
    if (u.chunks) add_values(weights, values, columns_, u.chunks, u.key == 0, sums, w, share);
  }

  // Sums of panels [begin, end). Their shifts are the first key's scores, unless known.
  template <typename Exp2>
  void panels(int64_t begin, int64_t end, int64_t h, int64_t first, const Work& work, bool known) const {
    const float scale = s_.scale * kLog2E;
    Unit before{0, 0, 0}, unit = after({begin - 1, 0, 0}, begin, end, first);
    NoWeigher none;
    multiply(unit, h, work, work.scores[0], none, 0);
    for (int turn = 0; unit.chunks; turn = !turn) {
      float *scores = work.scores[turn], *offsets = work.offsets + unit.panel * kQueries;
      if (unit.key == 0 && !known)
        for (int r = 0; r < kQueries; ++r)
          offsets[r] = Exp2::offset(std::max(scores[r * kChunk] * scale, -1e30f));
      hide(unit, first, scores);
      const Unit next = after(unit, begin, end, first);
      const int64_t groups =
          next.chunks * (words_ / amx::kTile) + before.chunks * ((columns_ + amx::kTile) / (2 * amx::kTile));
      const int rows = unit.chunks * kQueries, share = groups ? int(ratio_up(rows, groups)) : 0;
      Weigher<Exp2> w(scores, offsets, scale, work.weights[turn], rows);
      multiply(next, h, work, work.scores[!turn], w, share);
      add(before, h, work.weights[!turn], work, w, share);
      w.advance(rows);
      before = unit;
      unit = next;
      if (!unit.chunks) add(before, h, work.weights[turn], work, none, 0);
    }
  }

  // The panel's largest scores as its shifts.
  template <typename Exp2>
  void raise(int64_t panel, int64_t h, int64_t first, const Work& work) const {
    const float scale = s_.scale * kLog2E;  // as weights have it: large scores are rounded by whole exponents
    float *scores = work.scores[0], *offsets = work.offsets + panel * kQueries, most[kQueries];
    std::fill(most, most + kQueries, -1e30f);
    NoWeigher none;
    for (Unit u = after({panel - 1, 0, 0}, panel, panel + 1, first); u.chunks;
         u = after(u, panel, panel + 1, first)) {
      multiply(u, h, work, scores, none, 0);
      hide(u, first, scores);
      for (int k = 0; k < u.chunks * kQueries; ++k)
        for (int j = 0; j < kChunk; ++j)
          most[k % kQueries] = std::max(most[k % kQueries], scores[k * kChunk + j] * scale);
    }
    for (int r = 0; r < kQueries; ++r) offsets[r] = Exp2::offset(most[r]);
  }

  void block(int t, int64_t h, int64_t first, const bf16* q, bf16* out, float* lse) const {
    const int64_t rows = std::min(block_, s_.queries - first), count = ratio_up(rows, kQueries);
    const int64_t at = heads_.offset(h, s_.queries) + first * row_;
    float* own = own_.get<float>() + per_thread_ * size_t(t);
    const auto take = [&](int64_t n) { return std::exchange(own, own + n); };
    constexpr int64_t kScores = kQueries * kKeys;
    Work work;
    work.queries = take(block_ * words_);
    for (float*& x : work.scores) x = take(kScores);
    for (Word*& x : work.weights) x = take(kScores / 2);
    work.offsets = take(block_);
    work.sums = take(block_ * columns_);
    pad_rows(q + at, row_, rows, count * kQueries, s_.width, work.queries);
    float most = largest(work.queries, count * kQueries * words_) * kLog2E * s_.scale * float(s_.width);
    most *= heads_.largest(h);
    if (Quick::serves(most))
      finish<Quick>(h, first, rows, work, out + at, lse + h * s_.queries + first);
    else
      finish<Exact>(h, first, rows, work, out + at, lse + h * s_.queries + first);
  }

  template <typename Exp2>
  void finish(int64_t h, int64_t first, int64_t rows, const Work& work, bf16* out, float* lse) const {
    const int64_t count = ratio_up(rows, kQueries);
    for (int64_t p = 0; p < count; p += together_)
      panels<Exp2>(p, std::min<int64_t>(p + together_, count), h, first, work, false);
    for (int64_t p = 0; p < count; ++p) {
      const int64_t n = std::min<int64_t>(kQueries, rows - p * kQueries);
      const Sums sums{work.sums + p * kQueries * columns_, columns_, n, s_.width,
                      work.offsets + p * kQueries};
      if (!sums.fit()) [[unlikely]] {
        raise<Exp2>(p, h, first, work);
        panels<Exp2>(p, p + 1, h, first, work, true);
      }
      sums.write<Exp2>(out + p * kQueries * row_, row_, lse + p * kQueries);
    }
  }

  AttentionShape s_;
  int64_t row_;
  Heads heads_;
  int64_t words_, columns_;  // of a row of q and k, and of sums
  int64_t block_;            // queries of a task
  int64_t together_;         // panels that take turns with the same keys
  size_t per_thread_;
  Scratch own_;
};

}  // namespace

Run amx_attention(const Instruction& i, const AttentionShape& s) {
  if (serves_narrow(s.width)) return amx_narrow_attention(i, s);
  auto forward = std::make_shared<AmxForward>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  return [=] { forward->run(q.as<bf16>(), k.as<bf16>(), v.as<bf16>(), out.as<bf16>(), lse.as<float>()); };
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
