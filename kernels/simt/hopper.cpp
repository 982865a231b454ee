// Barriers in shared memory with the copies that they count (TMA), and the products of warpgroups (wgmma).
#include "hopper.h"

#include <algorithm>
#include <map>

#include "hopper_parts.h"

namespace simt {
namespace {

struct Copy {
  void* to;
  easel::TensorMap map;
  int corner[4], shift[2];
  Place place;
};

struct Barrier {
  int arrivals, missing;  // of the phase
  long bytes = 0;         // announced and not there
  int phase = 0;
  std::vector<Copy> copies;
  std::vector<int> waiting;  // threads
};
std::map<uint64_t*, Barrier> barriers;

Barrier& find(uint64_t* at, Place place) {
  const auto found = barriers.find(at);
  if (found == barriers.end()) fault(place, "a barrier that was not made");
  return found->second;
}

void finish(Barrier& b) {
  if (b.missing > 0 || b.bytes != 0 || !b.copies.empty()) return;
  b.phase ^= 1;
  b.missing = b.arrivals;
  for (const int thread : std::exchange(b.waiting, {})) wake(thread);
}

void arrive(Barrier& b) {
  for (const Copy& c : std::exchange(b.copies, {}))
    b.bytes -= long(copy_tensor(c.to, c.map, c.corner, c.shift, c.place));
}

constexpr int kGroup = 128;

struct Given {
  GroupProduct product;
  float* sums[kGroup];
  const uint32_t* registers[kGroup];
  int threads;
  Place place;
};
struct Group {
  std::vector<Given> given;
  size_t computed = 0;
  size_t each[kGroup] = {};             // products that a thread has given
  std::vector<size_t> commits[kGroup];  // `each` at its commits
  std::vector<int> waiting;
};
Group groups[1024 / kGroup];
long products = 0;  // in this process

Group& group(Place place) {
  if (block_threads() % 32 != 0 || current_thread() / kGroup * kGroup + kGroup > block_threads())
    fault(place, "wgmma in a group of fewer than 128 threads");
  return groups[current_thread() / kGroup];
}

// Thread that has row m, and columns n and n + 1 (n even), in its registers.
int holder(int m, int n) { return m / 16 * 32 + m % 8 * 4 + n % 8 / 2; }

uint16_t first_operand(const Given& g, int m, int k) {
  if (!g.registers[0]) return *described(g.product.a, g.product.a_across, m, k, g.place);
  const uint32_t pair = g.registers[holder(m, k)][k / 8 * 2 + m % 16 / 8];
  return uint16_t(k % 2 ? pair >> 16 : pair);
}

template <typename T>
void compute(const Given& g) {
  const GroupProduct& p = g.product;
  // PTX's tables of layouts have whole rows only.
  if (p.b_across && p.columns % described_columns(p.b, g.place) != 0)
    fault(g.place, "wgmma across rows that are not whole");
  static float a[64][16], b[16][256];
  for (int k = 0; k < 16; ++k) {
    for (int m = 0; m < 64; ++m) a[m][k] = easel::to_float(T{first_operand(g, m, k)});
    for (int n = 0; n < p.columns; ++n)
      b[k][n] = easel::to_float(T{*described(p.b, p.b_across, n, k, g.place)});
  }
  for (int m = 0; m < 64; ++m) {
    float row[256] = {};
    for (int k = 0; k < 16; ++k)
      for (int n = 0; n < p.columns; ++n) row[n] += a[m][k] * b[k][n];
    for (int n = 0; n < p.columns; ++n) {
      float& sum = g.sums[holder(m, n)][n / 8 * 4 + m % 16 / 8 * 2 + n % 2];
      sum = p.add ? sum + row[n] : row[n];
    }
  }
}

}  // namespace

void reset_hopper() {
  barriers.clear();
  for (Group& g : groups) g = Group();
}

void barrier_init(uint64_t* barrier, int arrivals, Place place) {
  check_access(barrier, 8, true, place);
  barriers[barrier] = {arrivals, arrivals, 0, 0, {}, {}};
}

void barrier_arrive(uint64_t* barrier, int bytes, Place place) {
  Barrier& b = find(barrier, place);
  if (b.missing == 0) fault(place, "more threads arrive at a barrier than it was made for");
  b.bytes += bytes;
  --b.missing;
  finish(b);
}

void barrier_wait(uint64_t* barrier, int phase, Place place) {
  Barrier& b = find(barrier, place);
  while (b.phase == phase) {
    if (!b.copies.empty()) {
      arrive(b);
      finish(b);
    } else {
      b.waiting.push_back(current_thread());
      wait_here(place, "a barrier in shared memory");
    }
  }
}

void tensor_load(void* to, const easel::TensorMap& map, uint64_t* barrier, const int* corner, int axes,
                 const int* shift, Place place) {
  Copy c{to, map, {}, {}, place};
  std::copy(corner, corner + axes, c.corner);
  if (shift) std::copy(shift, shift + 2, c.shift);
  Barrier& b = find(barrier, place);
  check_tensor(to, map, shift != nullptr, axes, place);
  b.copies.push_back(c);
  for (const int thread : std::exchange(b.waiting, {})) wake(thread);
}

void group_multiply(float* sums, const uint32_t* registers, const GroupProduct& product, Place place) {
  Group& g = group(place);
  const int lane = current_thread() % kGroup;
  const size_t at = g.each[lane]++;
  if (at == g.given.size()) g.given.push_back({product, {}, {}, 0, place});
  Given& given = g.given[at];
  if (!(given.product == product)) fault(place, "wgmma whose threads disagree");
  given.sums[lane] = sums;
  given.registers[lane] = registers;
  if (++given.threads == kGroup)
    for (const int thread : std::exchange(g.waiting, {})) wake(thread);
}

void group_commit() {
  Group& g = groups[current_thread() / kGroup];
  const int lane = current_thread() % kGroup;
  g.commits[lane].push_back(g.each[lane]);
}

void group_wait(int pending, Place place) {
  Group& g = group(place);
  const auto& commits = g.commits[current_thread() % kGroup];
  if (commits.size() <= size_t(pending)) return;
  const size_t wanted = commits[commits.size() - 1 - size_t(pending)];
  while (g.computed < wanted) {
    const Given& next = g.given[g.computed];
    if (next.threads == kGroup) {
      next.product.bf16 ? compute<easel::bf16>(next) : compute<easel::f16>(next);
      ++g.computed;
      ++products;
    } else {
      g.waiting.push_back(current_thread());
      wait_here(place, "wgmma");
    }
  }
}

}  // namespace simt

extern "C" __attribute__((visibility("default"))) long easel_simt_group_products() { return simt::products; }
