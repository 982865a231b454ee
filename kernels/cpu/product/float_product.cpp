// Bound by the multipliers. A task is a block of columns by a block of rows. Its thread packs some hundred
// places of b's columns, which stay in the second-level cache, and goes over a's rows a group at a time, in
// the first-level cache; memory is asked for the next rows and columns meanwhile. Sums over more places stay
// in float32. Each is one sum from the first place to the last, whatever the blocks and threads.
#include "float_product.h"

#include "../vectors/attention_tiles.h"
#include "float_tiles.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace float_tiles;

constexpr int64_t kDepth = 352 * 16 / kPanel;  // places of a sum at a time: 22 KiB of a panel
constexpr int64_t kPanels = 24;                // of a block of columns, at most
constexpr int64_t kBlockRows = 1024;           // of a block of rows, at most
constexpr int64_t kGrain = 1 << 19;            // multiplications for which a thread more is worth waking

int64_t parts(int64_t n, int64_t of) { return (n + of - 1) / of; }
// Part k of n: where it begins, and how long it is.
struct Range {
  int64_t from, many;
  Range(int64_t all, int64_t k, int64_t n) : from(all * k / n), many(all * (k + 1) / n - from) {}
};

// One of the products that are added up: op(a) (M, K) op(b) (K, N).
template <typename T>
struct Factors {
  const T *a, *b;
  int64_t K;
};

template <typename T>
class Blocks {
 public:
  Blocks(const Instruction& i, const Product& p);
  void operator()() const;

 private:
  // A thread's memory, the columns that it holds, and what it asks for: the next rows, the next columns.
  struct Room {
    float *b, *a, *sums;
    int64_t held = -1;
    Ahead rows{}, columns{};
  };
  struct Rows {
    int64_t stack, from, many;
    // kRows of them, and what is left at last.
    Rows group(int64_t at) const { return {stack, from + at, std::min<int64_t>(kRows, many - at)}; }
  };
  // Columns of b, at some places of the sum: number / depths_ is the block of columns.
  struct Columns {
    int64_t number, stack;
    Range panels, depth;
  };

  void task(Room& room, int64_t number) const;
  void multiply(Room& room, const Columns& columns, Rows block, int64_t at) const;
  Columns columns_of(int64_t number) const;
  void pack_b(float* to, const Columns& columns) const;
  void pack_a(float* to, Rows rows, Range depth) const;
  void finish(const float* sums, Rows rows, int64_t panel) const;
  Ahead ahead_of(const Columns& columns, int64_t calls) const;
  Ahead ahead_of(Rows rows, Range depth, int64_t calls) const;
  int64_t width(int64_t panel) const { return std::min<int64_t>(kPanel, N_ - panel * kPanel); }
  // f(product, its first place, how many, where they lie in a packed depth) for each product's part of it.
  template <typename F>
  void each_product(Range depth, F f) const {
    int64_t begin = 0;
    for (const Factors<T>& each : {one_, two_}) {
      const int64_t from = std::max(depth.from, begin),
                    to = std::min(depth.from + depth.many, begin + each.K);
      if (from < to) f(each, from - begin, to - from, from - depth.from);
      begin += each.K;
    }
  }

  Factors<T> one_, two_;  // two_.K is 0 where there is no second product
  const Tensor out_;
  const T *bias_, *residual_;
  bool trans_a_, trans_b_, accumulate_, in_place_;
  int64_t stacks_, M_, N_, K_, panels_, depths_, column_blocks_, row_blocks_;
  int threads_;
  int64_t b_floats_, a_floats_, sum_floats_;
  Scratch scratch_;
};

template <typename T>
Blocks<T>::Blocks(const Instruction& i, const Product& p)
    : one_{p.a.as<T>(), p.b.as<T>(), p.K},
      two_{},
      out_(p.out),
      bias_(p.bias ? p.bias->as<T>() : nullptr),
      residual_(p.residual ? p.residual->as<T>() : nullptr),
      trans_a_(p.trans_a),
      trans_b_(p.trans_b),
      accumulate_(p.accumulate),
      in_place_(std::is_same_v<T, float> && !p.trans_a && !p.second_K),
      stacks_(p.B),
      M_(p.M),
      N_(p.N),
      K_(p.K + p.second_K),
      panels_(parts(p.N, kPanel)),
      depths_(parts(K_, kDepth)),
      column_blocks_(parts(panels_, kPanels)),
      row_blocks_(parts(M_, kBlockRows)) {
  if (p.second_K) two_ = {p.second_a->as<T>(), p.second_b->as<T>(), p.second_K};
  threads_ = int(std::clamp<int64_t>(stacks_ * M_ * N_ * K_ / kGrain, 1, i.threads()));
  if (stacks_ * column_blocks_ * row_blocks_ % threads_) {  // the same for every thread
    if (panels_ >= 8 * threads_)
      column_blocks_ = parts(column_blocks_, threads_) * threads_;
    else
      row_blocks_ = std::min(parts(row_blocks_, threads_) * threads_, parts(M_, kRows));
  }
  const int64_t depth = parts(K_, depths_), panels = parts(panels_, column_blocks_),
                rows = parts(M_, row_blocks_);
  b_floats_ = panels * kPanel * depth;
  sum_floats_ = depths_ > 1 ? panels * kPanel * rows : 0;
  a_floats_ = in_place_ ? 0 : parts(kRows * depth + kLanes, kPanel) * kPanel;
  scratch_ = i.scratch(size_t(threads_ * (b_floats_ + a_floats_ + sum_floats_)) * sizeof(float));
}

template <typename T>
void Blocks<T>::operator()() const {
  const auto work = [this](int64_t thread) {
    float* room = scratch_.get<float>() + thread * (b_floats_ + a_floats_ + sum_floats_);
    Room r{room, room + b_floats_, room + b_floats_ + a_floats_};
    const Range tasks(stacks_ * column_blocks_ * row_blocks_, thread, threads_);
    for (int64_t n = 0; n < tasks.many; ++n) task(r, tasks.from + n);
  };
  if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
  for (int64_t thread = omp_get_thread_num(); thread < threads_; thread += omp_get_num_threads())
    work(thread);
}

template <typename T>
typename Blocks<T>::Columns Blocks<T>::columns_of(int64_t number) const {
  const int64_t block = number / depths_;
  return {number, block / column_blocks_, Range(panels_, block % column_blocks_, column_blocks_),
          Range(K_, number % depths_, depths_)};
}

template <typename T>
void Blocks<T>::task(Room& room, int64_t number) const {
  const int64_t block = number / row_blocks_, last_columns = stacks_ * column_blocks_ * depths_ - 1;
  const Range part(M_, number % row_blocks_, row_blocks_);
  const Rows rows{block / column_blocks_, part.from, part.many};
  for (int64_t k = 0; k < depths_; ++k) {
    const Columns columns = columns_of(block * depths_ + k);
    if (room.held != columns.number) pack_b(room.b, columns);
    room.held = columns.number;
    room.columns = {};
    if ((k + 1 < depths_ || part.from + part.many == M_) && columns.number < last_columns)
      room.columns = ahead_of(columns_of(columns.number + 1), parts(rows.many, kRows) * columns.panels.many);
    for (int64_t r = 0; r < rows.many; r += kRows) {
      room.rows = {};
      if (r + kRows < rows.many)
        room.rows = ahead_of(rows.group(r + kRows), columns.depth, columns.panels.many);
      multiply(room, columns, rows, r);
    }
  }
}

// A group of rows by a block of columns.
template <typename T>
void Blocks<T>::multiply(Room& room, const Columns& columns, Rows block, int64_t at) const {
  const auto [from, depth] = columns.depth;
  const Rows rows = block.group(at);
  const float* a = room.a;
  if (in_place_)
    a = reinterpret_cast<const float*>(one_.a) + (rows.stack * M_ + rows.from) * one_.K + from;
  else
    pack_a(room.a, rows, columns.depth);
  for (int64_t n = 0; n < columns.panels.many; ++n) {
    const int64_t panel = columns.panels.from + n;
    float tile[kRows * kPanel];
    float* sums = depths_ > 1 ? room.sums + (at * columns.panels.many + n * rows.many) * kPanel : tile;
    room.rows.ask();
    room.columns.ask();
    tile_of(rows.many, width(panel) > kLanes, from > 0, !in_place_)(a, one_.K, room.b + n * kPanel * depth,
                                                                    depth, sums);
    if (from + depth == K_) finish(sums, rows, panel);
  }
}

template <typename T>
Ahead Blocks<T>::ahead_of(const Columns& columns, int64_t calls) const {
  const auto [from, many] = columns.depth;
  if (from >= one_.K) return {};
  const int64_t column = columns.panels.from * kPanel, places = std::min(many, one_.K - from),
                lines = std::min(N_, column + columns.panels.many * kPanel) - column;
  const T* b = one_.b + columns.stack * one_.K * N_;
  if (trans_b_) return Ahead::of(b + column * one_.K + from, one_.K, lines, places, calls);
  return Ahead::of(b + from * N_ + column, N_, places, lines, calls);
}

template <typename T>
Ahead Blocks<T>::ahead_of(Rows rows, Range depth, int64_t calls) const {
  if (depth.from >= one_.K) return {};
  const int64_t places = std::min(depth.many, one_.K - depth.from);
  const T* a = one_.a + rows.stack * M_ * one_.K;
  if (trans_a_) return Ahead::of(a + depth.from * M_ + rows.from, M_, places, rows.many, calls);
  return Ahead::of(a + rows.from * one_.K + depth.from, one_.K, rows.many, places, calls);
}

template <typename T>
void Blocks<T>::pack_b(float* to, const Columns& columns) const {
  for (int64_t n = 0; n < columns.panels.many; ++n, to += kPanel * columns.depth.many) {
    const int64_t panel = columns.panels.from + n, step = width(panel) > kLanes ? kPanel : kLanes;
    each_product(columns.depth, [&](const Factors<T>& f, int64_t k, int64_t many, int64_t at) {
      const T* b = f.b + columns.stack * f.K * N_;
      for (int64_t c = 0; c < width(panel); c += kLanes) {
        const int64_t column = panel * kPanel + c, lines = std::min<int64_t>(kLanes, N_ - column);
        float* lane = to + at * step + c;
        if (trans_b_)
          pack_lines(lane, step, b + column * f.K + k, f.K, lines, many);
        else
          pack_places(lane, step, b + k * N_ + column, N_, lines, N_ - column, many);
      }
    });
  }
}

template <typename T>
void Blocks<T>::pack_a(float* to, Rows rows, Range depth) const {
  each_product(depth, [&](const Factors<T>& f, int64_t k, int64_t many, int64_t at) {
    const T* a = f.a + rows.stack * M_ * f.K;
    if (trans_a_)
      pack_places(to + at * rows.many, rows.many, a + k * M_ + rows.from, M_, rows.many, M_ - rows.from,
                  many);
    else
      pack_lines(to + at * rows.many, rows.many, a + rows.from * f.K + k, f.K, rows.many, many);
  });
}

template <typename T>
void Blocks<T>::finish(const float* sums, Rows rows, int64_t panel) const {
  const int64_t column = panel * kPanel, n = width(panel);
  const T* bias = bias_ ? bias_ + column : nullptr;
  int64_t at = (rows.stack * M_ + rows.from) * N_ + column;
  for (int64_t r = 0; r < rows.many; ++r, sums += kPanel, at += N_) {
    if (out_.dtype == EASEL_F32 && !std::is_same_v<T, float>)
      finish_row<float>(out_.as<float>() + at, sums, n, nullptr, nullptr, accumulate_);
    else
      finish_row<T>(out_.as<T>() + at, sums, n, bias, residual_ ? residual_ + at : nullptr, accumulate_);
  }
}

}  // namespace

bool float_product_pays(const Product& p) {
  constexpr int64_t kLeastRows = 4;  // oneDNN packs no b for fewer
  if (p.a.dtype == EASEL_F32) return kLanes == 8 && p.M >= kLeastRows;
  return p.a.dtype != EASEL_BF16 || !attention_detail::multiplies_bf16();
}

Run float_product(const Instruction& i, const Product& p) {
  return dispatch(i, p.a.dtype,
                  [&](auto type) -> Run { return Blocks<typename decltype(type)::type>(i, p); });
}

}  // namespace EASEL_ISA
}  // namespace easel
