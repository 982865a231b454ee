// Products in float32, cut into blocks. Bound by the multipliers. A task is a block of columns by a block of
// rows. Its thread packs some hundred places of b's columns, which stay in the second-level cache, and goes
// over a's rows a group at a time, in the first-level cache. Sums over more places stay in memory, where each
// part is added to those before: so they are more exact than one chain. Each is the same, whatever the
// threads.
#pragma once
#include "float_tiles.h"

namespace easel {
inline namespace EASEL_ISA {
namespace float_blocks {

using namespace float_tiles;

constexpr int64_t kDepth = 288;       // places of a sum at a time, if no unit of them is larger
constexpr int64_t kColumns = 135168;  // numbers of a block of columns, at most
constexpr int64_t kBlockRows = 1024;  // of a block of rows, at most
constexpr int64_t kGrain = 1 << 19;   // multiplications for which a thread more is worth waking

// Part k of n: where it begins, and how long it is.
struct Range {
  int64_t from, many;
  Range(int64_t all, int64_t k, int64_t n) : from(all * k / n), many(all * (k + 1) / n - from) {}
  Range(int64_t from, int64_t many) : from(from), many(many) {}
};

struct Size {
  int64_t stacks, M, panels;
  int64_t K;         // of the sums, in steps
  int64_t unit = 1;  // steps that are not parted
  int64_t each = 1;  // places of a step
};

struct Rows {
  int64_t stack, from, many;
  // kRows of them, and what is left at last.
  Rows group(int64_t at) const { return {stack, from + at, std::min<int64_t>(kRows, many - at)}; }
};
// Panels of b, at some steps of the sum.
struct Columns {
  int64_t stack;
  Range panels, depth;
};

// A group of rows as tiles read it: packed, or with rows `line` apart.
struct Group {
  const float* a;
  int64_t line;
  bool packed;
};
// Floats between copied rows, which must not lie a power of two apart, and of all of them.
inline int64_t copied_line(int64_t places) { return ratio_up(places, 16) * 16 + 16; }
inline int64_t group_floats(int64_t places) { return kRows * copied_line(places) + 64; }

// What is multiplied. An Operands has
//   Group rows(float* room, Rows, Range depth): where they lie, or are now that they are copied into room;
//   void columns(float* to, stack, panel, Range depth): packs a panel, of which there are width(panel);
//   void finish(const float* sums, Rows, panel): puts whole sums, kPanel apart, where they go;
//   Ahead rows_ahead(Rows, Range depth, calls), columns_ahead(Columns, calls): memory that comes next.
template <typename Operands>
class Blocks {
 public:
  Blocks(const Instruction& i, const Operands& operands, const Size& size)
      : operands_(operands), size_(size), units_(ratio_up(size.K, size.unit)) {
    const int64_t places = size.unit * size.each;
    depths_ = ratio_up(units_, std::max<int64_t>(kDepth / places, 1));
    const int64_t depth = ratio_up(units_, depths_) * places;
    column_blocks_ = ratio_up(size.panels, std::max<int64_t>(kColumns / (depth * kPanel), 1));
    row_blocks_ = ratio_up(size.M, kBlockRows);
    const int64_t work = size.stacks * size.M * size.panels * kPanel * size.K * size.each;
    threads_ = int(std::clamp<int64_t>(work / kGrain, 1, i.threads()));
    if (size.stacks * column_blocks_ * row_blocks_ % threads_) {  // the same for every thread
      if (size.panels >= 8 * threads_)
        column_blocks_ = ratio_up(column_blocks_, threads_) * threads_;
      else
        row_blocks_ = std::min(ratio_up(row_blocks_, threads_) * threads_, ratio_up(size.M, kRows));
    }
    const int64_t panels = ratio_up(size.panels, column_blocks_), rows = ratio_up(size.M, row_blocks_);
    b_floats_ = panels * kPanel * depth;
    a_floats_ = ratio_up(group_floats(depth), kPanel) * kPanel;
    sum_floats_ = depths_ > 1 ? panels * kPanel * rows : 0;
    scratch_ = i.scratch(size_t(threads_ * (b_floats_ + a_floats_ + sum_floats_)) * sizeof(float));
  }

  void operator()() const {
    const auto work = [this](int64_t thread) {
      float* room = scratch_.template get<float>() + thread * (b_floats_ + a_floats_ + sum_floats_);
      Room r{room, room + b_floats_, room + b_floats_ + a_floats_};
      const Range tasks(size_.stacks * column_blocks_ * row_blocks_, thread, threads_);
      for (int64_t n = 0; n < tasks.many; ++n) task(r, tasks.from + n);
    };
    if (threads_ == 1) return work(0);
#pragma omp parallel num_threads(threads_)
    for (int64_t thread = omp_get_thread_num(); thread < threads_; thread += omp_get_num_threads())
      work(thread);
  }

 private:
  // A thread's memory, the columns that it holds, and what it asks for: the next rows, the next columns.
  struct Room {
    float *b, *a, *sums;
    int64_t held = -1;
    Ahead rows{}, columns{};
  };

  // number / depths_ is the block of columns.
  Columns columns_of(int64_t number) const {
    const int64_t block = number / depths_;
    const Range units(units_, number % depths_, depths_);
    const int64_t from = units.from * size_.unit, to = std::min(from + units.many * size_.unit, size_.K);
    return {block / column_blocks_, Range(size_.panels, block % column_blocks_, column_blocks_),
            Range(from, to - from)};
  }

  void task(Room& room, int64_t number) const {
    const int64_t block = number / row_blocks_, last = size_.stacks * column_blocks_ * depths_ - 1;
    const Range part(size_.M, number % row_blocks_, row_blocks_);
    const Rows rows{block / column_blocks_, part.from, part.many};
    for (int64_t k = 0; k < depths_; ++k) {
      const int64_t wanted = block * depths_ + k;
      const Columns columns = columns_of(wanted);
      if (room.held != wanted)
        for (int64_t n = 0; n < columns.panels.many; ++n)
          operands_.columns(room.b + n * kPanel * columns.depth.many * size_.each, columns.stack,
                            columns.panels.from + n, columns.depth);
      room.held = wanted;
      room.columns = {};
      if ((k + 1 < depths_ || part.from + part.many == size_.M) && wanted < last)
        room.columns =
            operands_.columns_ahead(columns_of(wanted + 1), ratio_up(rows.many, kRows) * columns.panels.many);
      for (int64_t r = 0; r < rows.many; r += kRows) {
        room.rows = {};
        if (r + kRows < rows.many)
          room.rows = operands_.rows_ahead(rows.group(r + kRows), columns.depth, columns.panels.many);
        multiply(room, columns, rows, r);
      }
    }
  }

  // A group of rows by a block of columns.
  void multiply(Room& room, const Columns& columns, Rows block, int64_t at) const {
    const auto [from, depth] = columns.depth;
    const Rows rows = block.group(at);
    const Group group = operands_.rows(room.a, rows, columns.depth);
    const int64_t places = depth * size_.each;
    for (int64_t n = 0; n < columns.panels.many; ++n) {
      const int64_t panel = columns.panels.from + n;
      float tile[kRows * kPanel];
      float* sums = depths_ > 1 ? room.sums + (at * columns.panels.many + n * rows.many) * kPanel : tile;
      room.rows.ask();
      room.columns.ask();
      tile_of(rows.many, operands_.width(panel) > kLanes, from > 0, group.packed)(
          group.a, group.line, room.b + n * kPanel * places, places, sums);
      if (from + depth == size_.K) operands_.finish(sums, rows, panel);
    }
  }

  Operands operands_;
  Size size_;
  int64_t units_, depths_, column_blocks_, row_blocks_;
  int threads_;
  int64_t b_floats_, a_floats_, sum_floats_;
  Scratch scratch_;
};

}  // namespace float_blocks
}  // namespace EASEL_ISA
}  // namespace easel
