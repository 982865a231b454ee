// attention in bf16 by tiles of AMX, unit after unit (amx_units.h). At width 40 the products of a unit's
// tiles take 448 cycles and its exponentials 350 of the vectors'; tiles' way to memory and back, which the
// processor hides in part, bounds it.
//
// A weight is 2^(scale * score - shift), and the shift is the score of the first key: the sum is 1 at least,
// and needs no running maximum. Only where it becomes very large a panel is computed again, shifted by its
// largest score. Sums of weights are those of one more column of v, of ones.
#include "amx_attention.h"

#include <limits>

#include "amx_units.h"

#if defined(__AVX512F__)

namespace easel {
inline namespace EASEL_ISA {
namespace {
using namespace attention_detail;

constexpr int kQueries = kUnitQueries, kKeys = kUnitKeys;
constexpr int64_t kBlock = 128;   // queries of a task at least
constexpr int64_t kPacked = 512;  // keys that a thread packs at a time
// Bytes of packed keys and values that stay in a core's cache while panels take turns.
constexpr size_t kNear = 3 << 19;
constexpr float kLog2e = 1.44269504f;
constexpr float kMuch = 1e25f;  // of weights; times v it is still a float

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
        words_(sum_tiles(s.width) * amx::kTile),
        columns_(column_tiles(s.width + 1) * amx::kTile),
        keys_(round_up(s.keys, kChunk)),
        parts_((keys_ + kPacked - 1) / kPacked),
        block_(s.keys > 4 * kKeys ? kBlock : 4 * kBlock),
        together_(sizeof(Word) * size_t(head_words()) <= kNear && s.keys > 4 * kKeys ? 1 : block_ / kQueries),
        packed_(i.scratch(sizeof(Word) * size_t(s.batch * s.heads * head_words()))),
        largest_(i.scratch(sizeof(float) * size_t(s.batch * s.heads * parts_))),
        per_thread_(size_t(block_ * words_ + 2 * kQueries * kKeys * 3 / 2 + block_ + block_ * columns_)),
        own_(i.scratch(sizeof(float) * per_thread_ * size_t(i.threads()))) {}

  void run(const bf16* q, const bf16* k, const bf16* v, bf16* out, float* lse) {
    const int64_t heads = s_.batch * s_.heads, blocks = (s_.queries + block_ - 1) / block_;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < heads * parts_; ++task) pack(task / parts_, task % parts_ * kPacked, k, v);
#pragma omp parallel
    {
      const amx::Session tiles;
#pragma omp for schedule(dynamic)
      for (int64_t task = 0; task < heads * blocks; ++task)
        block(omp_get_thread_num(), task / blocks, task % blocks * block_, q, out, lse);
    }
  }

 private:
  int64_t head_words() const { return keys_ * words_ + keys_ / 2 * columns_; }
  int64_t head_offset(int64_t h, int64_t length) const {
    return h / s_.heads * length * row_ + h % s_.heads * s_.width;
  }
  Word* keys_of(int64_t h) const { return packed_.get<float>() + h * head_words(); }
  Word* values_of(int64_t h) const { return keys_of(h) + keys_ * words_; }

  // Keys that are none are copies of the first one, whose weight is no surprise, and their values 0.
  void pack(int64_t h, int64_t from, const bf16* k, const bf16* v) const {
    const int64_t padded = std::min(kPacked, keys_ - from), n = std::min(kPacked, s_.keys - from);
    const int64_t at = head_offset(h, s_.keys);
    Word* values = values_of(h) + from / 2 * columns_;
    pack_across(k + at + from * row_, row_, n, padded, s_.width, k + at, keys_of(h) + from * words_);
    pack_along(v + at + from * row_, row_, n, padded, s_.width, columns_ / amx::kTile, values);
    largest_.get<float>()[h * parts_ + from / kPacked] = largest(keys_of(h) + from * words_, padded * words_);
    values += s_.width / kLanes * kTileWords + s_.width % kLanes;
    for (int64_t w = 0; w < padded / 2; ++w) {  // the column of ones
      const int64_t row = w / amx::kTile * kChunk + first_of_word(w % amx::kTile);
      bf16* pair =
          reinterpret_cast<bf16*>(values + w / amx::kTile * amx::kTile * columns_ + w % amx::kTile * kLanes);
      for (int k = 0; k < 2; ++k) pair[k] = from_float<bf16>(row + k < n ? 1.f : 0.f);
    }
  }

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
    const int64_t left = u.panel < end ? keys_ - u.key : 0;
    u.chunks = int(std::clamp<int64_t>(left / kChunk, 0, kKeys / kChunk));
    return u;
  }

  template <typename W>
  void multiply(const Unit& u, int64_t h, const Work& work, float* scores, W& w, int share) const {
    const Word* queries = work.queries + u.panel * kQueries * words_;
    multiply_scores(queries, keys_of(h) + u.key * words_, words_, u.chunks, scores, w, share);
  }

  template <typename W>
  void add(const Unit& u, int64_t h, const Word* weights, const Work& work, W& w, int share) const {
    float* sums = work.sums + u.panel * kQueries * columns_;
    const Word* values = values_of(h) + u.key / 2 * columns_;
    if (u.chunks) add_values(weights, values, columns_, u.chunks, u.key == 0, sums, w, share);
  }

  // Sums of panels [begin, end). Their shifts are the first key's scores, unless known.
  template <typename Exp2>
  void panels(int64_t begin, int64_t end, int64_t h, int64_t first, const Work& work, bool known) const {
    const float scale = s_.scale * kLog2e;
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
      const int rows = unit.chunks * kQueries, share = groups ? int((rows + groups - 1) / groups) : 0;
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
    const float scale = s_.scale * kLog2e;  // as weights have it: large scores are rounded by whole exponents
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

  // Of n queries sums of weights that are not too large.
  bool fits(const float* sums, int64_t n) const {
    for (int64_t r = 0; r < n; ++r)
      if (!(sums[r * columns_ + s_.width] < kMuch)) return false;
    return true;
  }

  void block(int t, int64_t h, int64_t first, const bf16* q, bf16* out, float* lse) const {
    const int64_t rows = std::min(block_, s_.queries - first), count = (rows + kQueries - 1) / kQueries;
    const int64_t at = head_offset(h, s_.queries) + first * row_;
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
    float most = largest(work.queries, count * kQueries * words_) * kLog2e * s_.scale * float(s_.width);
    const float* of_keys = largest_.get<float>() + h * parts_;
    float key = of_keys[0];
    for (int64_t part = 1; part < parts_; ++part)
      if (of_keys[part] > key || std::isnan(of_keys[part])) key = of_keys[part];
    most *= key;
    if (std::abs(most) < float(1 << 20))
      finish<Quick>(h, first, rows, work, out + at, lse + h * s_.queries + first);
    else
      finish<Exact>(h, first, rows, work, out + at, lse + h * s_.queries + first);
  }

  template <typename Exp2>
  void finish(int64_t h, int64_t first, int64_t rows, const Work& work, bf16* out, float* lse) const {
    const int64_t count = (rows + kQueries - 1) / kQueries;
    for (int64_t p = 0; p < count; p += together_)
      panels<Exp2>(p, std::min<int64_t>(p + together_, count), h, first, work, false);
    for (int64_t p = 0; p < count; ++p) {
      const int64_t n = std::min<int64_t>(kQueries, rows - p * kQueries);
      const float* sums = work.sums + p * kQueries * columns_;
      if (!fits(sums, n)) [[unlikely]] {
        raise<Exp2>(p, h, first, work);
        panels<Exp2>(p, p + 1, h, first, work, true);
      }
      for (int64_t r = 0; r < n; ++r, sums += columns_, out += row_) {
        const float sum = sums[s_.width], factor = 1 / sum;
        for (int64_t c = 0; c < s_.width; c += kLanes)
          store_some(out + c, load(sums + c) * factor, s_.width - c);
        *lse++ = Exp2::shift(work.offsets[p * kQueries + r]) * (1 / kLog2e) + std::log(sum);
      }
    }
  }

  AttentionShape s_;
  int64_t row_;
  int64_t words_, columns_;  // of a row of q and k, and of sums, as wide as whole tiles
  int64_t keys_, parts_;     // keys as packed, and how many times kPacked these are
  int64_t block_;            // queries of a task
  int64_t together_;         // panels that take turns with the same keys
  Scratch packed_;           // of each head its keys as pack_across, then its values as pack_along
  Scratch largest_;          // of each part of a head's keys the largest magnitude
  size_t per_thread_;
  Scratch own_;
};

}  // namespace

Run amx_attention(const Instruction& i, const AttentionShape& s) {
  auto forward = std::make_shared<AmxForward>(i, s);
  const Tensor q = i.in(0), k = i.in(1), v = i.in(2), out = i.out(0), lse = i.out(1);
  return [=] { forward->run(q.as<bf16>(), k.as<bf16>(), v.as<bf16>(), out.as<bf16>(), lse.as<float>()); };
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
