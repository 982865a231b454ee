// Trying several ways of computing the same: in memory of its own, on values of its own, so that nothing of a
// program is read or changed; a way whose result differs from our kernel's is refused, the others are timed.
#pragma once
#include <string>
#include <vector>

#include "../device.h"

namespace easel {

// Where operands are put for a trial: first all are planned, then there is memory for them.
class TrialMemory {
 public:
  // A place that is aligned to so many bytes (a power of two up to 64) and no better; bytes of nobody lie
  // around it.
  size_t place(uint32_t alignment, int64_t bytes);
  // Room to work in, aligned as a library's workspace.
  size_t room(size_t bytes);
  // False when the device has no room to spare.
  bool take(Device& device);
  char* at(size_t place) const { return base_ + place; }

 private:
  size_t bytes_ = 0;
  char* base_ = nullptr;
};

// Small values, the same every time. ld and width: columns from `width` on are 0 in rows of `ld`; 0: none
// are.
void fill_for_trial(Device& device, char* at, int32_t dtype, int64_t count, uint32_t seed, int64_t ld = 0,
                    int64_t width = 0);

struct Way {
  std::string name;
  Run run;
};

struct Verdict {
  int best = 0;          // of the ways; 0 is ours
  bool refused = false;  // another way failed, or its result was wrong
  std::string text;      // what was measured, or why it was refused
};

// Another way than ours has cost us the device.
struct LostInTrial : Failure {
  using Failure::Failure;
};

struct TrialResult {
  char* at;
  int64_t count;  // elements
  int32_t dtype;
  double allowed = 0;  // of the whole relative to ours (and ten times that at one place); 0: by dtype
};

// ways[0] is ours and right by definition. Each runs on results filled with the same noise, as it is and
// recorded as a graph. Throws Failure only when the device is lost.
Verdict try_ways(Device& device, const std::vector<Way>& ways, const std::vector<TrialResult>& results);

}  // namespace easel
