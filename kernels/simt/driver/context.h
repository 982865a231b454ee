// What the stand-in driver's functions share: the calling thread's context, and work for its stream.
#pragma once
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "../simulator.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace simt {

enum Status : int {  // a CUresult
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kNotFound = 500,
  kOutOfResources = 701,
  kLaunchFailed = 719,
  kUnknown = 999,
};

using Work = std::function<int()>;  // gives a CUresult

// A context: what a GPU would keep apart for each process. Here each Device has one, so that a fault of one
// leaves others be.
struct State {
  int sticky = kSuccess;  // what every call gives after a fault
  std::deque<Work> stream;
  bool capturing = false;
  std::vector<Work> captured;
  std::set<std::pair<char*, size_t>> pinned;
  std::map<const void*, int> shared_limits;  // by kernel
  std::vector<Range> expected;
  long launches = 0;
  long microseconds = 0;  // that its work has taken, where time is counted (stream.cpp)
};
// The calling thread's; null: it has none, and context() is one that all such threads share.
extern constinit thread_local State* current;
State& context();

// Devices of one process share everything here, as they share a primary context; each has a thread of its
// own.
extern std::recursive_mutex turn;

// EASEL_SIMT_IDLE: launches are checked and counted, and nothing is computed, nor copied but small
// things (the code of chains, which programs read when they are made): what comes back is zeros. So programs
// of any size can be asked how often they launch.
bool idle();
constexpr size_t kSmall = 4096;

// Work of the stream is kept and done only when the caller waits, as late as a GPU may do it; a kernel's
// fault shows then and ruins the context.
int submit(Work work);
int flush();

// ---- the simulated card ----
int capability();
int shared_most();

inline const void* pointer(unsigned long long address) { return reinterpret_cast<const void*>(address); }

}  // namespace simt
