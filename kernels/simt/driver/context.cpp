// The calling thread's context with its stream, and the hooks into both: what the host part tells of its next
// launches, what stand-ins of vendor libraries ask.
#include "context.h"

#include <memory>

namespace simt {

constinit thread_local State* current = nullptr;
std::recursive_mutex turn;

State& context() {
  static State none;
  return current ? *current : none;
}

bool idle() { return setting("EASEL_SIMT_IDLE", 0) != 0; }

int flush() {
  std::lock_guard lock(turn);
  while (!context().stream.empty() && context().sticky == kSuccess) {
    context().sticky = context().stream.front()();
    context().stream.pop_front();
    ++context().microseconds;
  }
  if (context().sticky != kSuccess) context().stream.clear();
  return context().sticky;
}

int submit(Work work) {
  std::lock_guard lock(turn);
  if (context().sticky != kSuccess) return context().sticky;
  if (idle()) return kSuccess;
  if (context().capturing)
    context().captured.push_back(std::move(work));
  else
    context().stream.push_back(std::move(work));
  return kSuccess;
}

}  // namespace simt

using namespace simt;

EXPORT void easel_simt_expect(const Range* ranges, int count) {
  context().expected.assign(ranges, ranges + count);
}

// For stand-ins of vendor libraries (kernels/simt/vendor): whether the calling thread's context is of this
// simulator; work behind what is in its stream or capture, which gives a CUresult; whether bytes belong to
// the instruction that is being launched.
EXPORT int easel_simt_here() { return current != nullptr; }
EXPORT int easel_simt_submit(int (*work)(void*), void* argument, void (*release)(void*)) {
  const std::shared_ptr<void> kept(argument, release);
  return submit([work, kept] { return work(kept.get()); });
}
EXPORT int easel_simt_owns(const void* p, size_t bytes) {
  if (context().expected.empty()) return is_device(p, bytes);
  const char* at = static_cast<const char*>(p);
  for (const Range& r : context().expected)
    if (at >= r.begin && bytes <= r.bytes && size_t(at - r.begin) <= r.bytes - bytes) return 1;
  return 0;
}
