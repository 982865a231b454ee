// What the lanes of a warp do together. Each lane leaves what it brings and waits; the last one to arrive
// does the work for all. Also the asynchronous copies, whose bytes arrive only when they are waited for.
#include <cstdio>

#include "simulator.h"

namespace simt {
namespace {

enum class Kind { kBarrier, kShuffle, kBallot, kLdmatrix, kMma };
const char* const kNames[] = {"a warp barrier", "a shuffle", "a ballot", "ldmatrix", "mma"};

struct Lane {
  uint64_t value;
  int by;
  uint32_t* r;
  const void* row;
  float* c;
  const uint32_t *a, *b;
};

// One meeting of the lanes of a mask.
struct Meeting {
  unsigned mask, arrived;
  Kind kind;
  Place place;
  int detail;  // how a shuffle looks, transposed, bf16
  Lane lanes[32];
};

struct Warp {
  Meeting meetings[32];
};
Warp warps[32];

struct Copy {
  void* shared;
  const void* global;
  bool valid;
};
struct Copies {
  std::vector<Copy> list;
  std::vector<size_t> groups;  // list's length at each commit
};
Copies copies[1024];

void perform(Copies& c, size_t groups) {
  if (groups == 0) return;
  const size_t end = c.groups[groups - 1];
  for (size_t k = 0; k < end; ++k) {
    if (c.list[k].valid)
      memcpy(c.list[k].shared, c.list[k].global, 16);
    else
      memset(c.list[k].shared, 0, 16);
  }
  c.list.erase(c.list.begin(), c.list.begin() + ptrdiff_t(end));
  c.groups.erase(c.groups.begin(), c.groups.begin() + ptrdiff_t(groups));
  for (size_t& g : c.groups) g -= end;
}

// The open meeting of just this mask, or a free one. Lanes may meet in a part of the warp while the others
// wait further on.
Meeting& meeting(Warp& warp, unsigned mask) {
  Meeting* free = nullptr;
  for (Meeting& m : warp.meetings) {
    if (m.arrived && m.mask == mask) return m;
    if (!m.arrived && !free) free = &m;
  }
  return *free;  // there is one for each lane
}

[[noreturn]] void disagree(Kind kind, unsigned mask, Place place, const Meeting& other) {
  char text[200];
  snprintf(text, sizeof text, "%s of mask %08x, while a lane of it waits in %s of mask %08x at line %d",
           kNames[int(kind)], mask, kNames[int(other.kind)], other.mask, other.place.line);
  fault(place, text);
}

// Files the running lane's Lane and meets the others; the last one in calls `work`. Returns the lane's own
// entry.
template <typename W>
Lane& meet(Kind kind, int detail, unsigned mask, Place place, const Lane& mine, const W& work) {
  const int thread = current_thread(), lane = thread % 32, first_thread = thread - lane;
  const int alive = std::min(32, block_threads() - first_thread);
  if (!(mask >> lane & 1))
    fault(place, (std::string(kNames[int(kind)]) + " whose mask leaves out its own lane").c_str());
  if (alive < 32) mask &= (1u << alive) - 1;
  Meeting& m = meeting(warps[thread / 32], mask);
  if (m.arrived == 0) {
    m.mask = mask;
    m.kind = kind;
    m.place = place;
    m.detail = detail;
  } else if (m.kind != kind || m.detail != detail || m.place.line != place.line) {
    disagree(kind, mask, place, m);
  }
  for (const Meeting& o : warps[thread / 32].meetings)  // each would wait for a lane of the other
    if (o.arrived && &o != &m && (o.mask >> lane & 1) && (o.arrived & mask)) disagree(kind, mask, place, o);
  m.lanes[lane] = mine;
  m.arrived |= 1u << lane;
  if (m.arrived != mask) {
    wait_here(place, kNames[int(kind)]);
    return m.lanes[lane];
  }
  work(m);
  m.arrived = 0;
  for (int l = 0; l < 32; ++l)
    if ((mask >> l & 1) && l != lane) wake(first_thread + l);
  return m.lanes[lane];
}

void exchange(Meeting& m) {
  uint64_t results[32];
  for (int l = 0; l < 32; ++l) {
    if (!(m.mask >> l & 1)) continue;
    int from = m.lanes[l].by;
    switch (Exchange(m.detail)) {
      case Exchange::kIndex:
        from &= 31;
        break;
      case Exchange::kXor:
        from ^= l;
        break;
      case Exchange::kUp:
        from = l - from < 0 ? l : l - from;
        break;
      case Exchange::kDown:
        from = l + from > 31 ? l : l + from;
        break;
    }
    if (from < 0 || from > 31 || !(m.mask >> from & 1)) {
      char text[100];
      snprintf(text, sizeof text, "lane %d's shuffle reads lane %d, which is not in mask %08x", l, from,
               m.mask);
      fault(m.place, text);
    }
    results[l] = m.lanes[from].value;
  }
  for (int l = 0; l < 32; ++l)
    if (m.mask >> l & 1) m.lanes[l].value = results[l];
}

void load_matrices(Meeting& m) {
  for (int matrix = 0; matrix < 4; ++matrix) {
    uint16_t values[8][8];
    for (int row = 0; row < 8; ++row) {
      const void* from = m.lanes[8 * matrix + row].row;
      check_access(from, 16, false, m.place);
      memcpy(values[row], from, 16);
    }
    for (int l = 0; l < 32; ++l) {
      const int row = l / 4, column = 2 * (l % 4);
      const uint32_t low = m.detail ? values[column][row] : values[row][column];
      const uint32_t high = m.detail ? values[column + 1][row] : values[row][column + 1];
      m.lanes[l].r[matrix] = low | high << 16;
    }
  }
}

template <typename T>
void multiply(Meeting& m) {
  float a[16][16], b[16][8], c[16][8];
  const auto split = [](uint32_t pair, float& low, float& high) {
    low = easel::to_float(T{uint16_t(pair)});
    high = easel::to_float(T{uint16_t(pair >> 16)});
  };
  for (int l = 0; l < 32; ++l) {
    const int g = l / 4, t = 2 * (l % 4);
    const Lane& lane = m.lanes[l];
    for (int k = 0; k < 4; ++k) {
      const int row = g + 8 * (k % 2), column = t + 8 * (k / 2);
      split(lane.a[k], a[row][column], a[row][column + 1]);
    }
    for (int k = 0; k < 2; ++k) split(lane.b[k], b[t + 8 * k][g], b[t + 8 * k + 1][g]);
    for (int k = 0; k < 2; ++k) {
      c[g + 8 * k][t] = lane.c[2 * k];
      c[g + 8 * k][t + 1] = lane.c[2 * k + 1];
    }
  }
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int column = 0; column < 8; ++column) c[row][column] += a[row][k] * b[k][column];
  for (int l = 0; l < 32; ++l) {
    const int g = l / 4, t = 2 * (l % 4);
    for (int k = 0; k < 2; ++k) {
      m.lanes[l].c[2 * k] = c[g + 8 * k][t];
      m.lanes[l].c[2 * k + 1] = c[g + 8 * k][t + 1];
    }
  }
}

void whole_warp(Kind kind, Place place) {
  if (block_threads() % 32 != 0)
    fault(place, (std::string(kNames[int(kind)]) + " in a warp of fewer than 32 threads").c_str());
}

}  // namespace

void reset_collectives() {
  for (int w = 0; w < (block_threads() + 31) / 32; ++w)
    for (Meeting& m : warps[w].meetings) m.arrived = 0;
  for (int t = 0; t < block_threads(); ++t) {
    copies[t].list.clear();
    copies[t].groups.clear();
  }
}

void warp_barrier(unsigned mask, Place place) {
  meet(Kind::kBarrier, 0, mask, place, {}, [](Meeting&) {});
}

uint64_t warp_shuffle(Exchange how, uint64_t value, int by, unsigned mask, Place place) {
  Lane mine{};
  mine.value = value;
  mine.by = by;
  return meet(Kind::kShuffle, int(how), mask, place, mine, exchange).value;
}

unsigned warp_ballot(bool x, unsigned mask, Place place) {
  Lane mine{};
  mine.value = x;
  const auto vote = [](Meeting& m) {
    unsigned votes = 0;
    for (int l = 0; l < 32; ++l)
      if (m.mask >> l & 1) votes |= unsigned(m.lanes[l].value) << l;
    for (Lane& l : m.lanes) l.value = votes;
  };
  return unsigned(meet(Kind::kBallot, 0, mask, place, mine, vote).value);
}

void warp_ldmatrix(uint32_t* r, const void* row, bool transposed, Place place) {
  whole_warp(Kind::kLdmatrix, place);
  const auto* at = static_cast<const unsigned char*>(row);
  if (at < shared_memory || at >= shared_memory + kSharedMost)
    fault(place, "ldmatrix from outside of shared memory");
  Lane mine{};
  mine.r = r;
  mine.row = row;
  meet(Kind::kLdmatrix, transposed, easel::kWarp, place, mine, load_matrices);
}

void warp_mma(float* c, const uint32_t* a, const uint32_t* b, bool bf16, Place place) {
  whole_warp(Kind::kMma, place);
  Lane mine{};
  mine.c = c;
  mine.a = a;
  mine.b = b;
  meet(Kind::kMma, bf16, easel::kWarp, place, mine, bf16 ? multiply<easel::bf16> : multiply<easel::f16>);
}

void copy_async(void* shared, const void* global, bool valid, Place place) {
  const auto* at = static_cast<const unsigned char*>(shared);
  if (at < shared_memory || at >= shared_memory + kSharedMost)
    fault(place, "cp_async16 to outside of shared memory");
  check_access(shared, 16, true, place);
  if (valid) check_access(global, 16, false, place);
  copies[current_thread()].list.push_back({shared, global, valid});
}

void copy_commit() {
  Copies& c = copies[current_thread()];
  c.groups.push_back(c.list.size());
}

void copy_wait(int pending) {
  Copies& c = copies[current_thread()];
  if (c.groups.size() > size_t(pending)) perform(c, c.groups.size() - size_t(pending));
}

}  // namespace simt
