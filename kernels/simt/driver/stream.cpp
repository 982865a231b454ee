// The stand-in driver's streams, graphs (lists of the work that was captured) and events.
#include <chrono>

#include "context.h"

using namespace simt;

namespace {

struct Event {
  double seconds = 0;
};

// EASEL_SIMT_GRAPH_DELAY: microseconds that the launch of a graph takes by itself. Where it is set time is
// counted, a microsecond for any other work of the stream, so that what takes how long is the same each time.
long graph_delay() { return setting("EASEL_SIMT_GRAPH_DELAY", 0); }

double now() {
  if (graph_delay()) return double(context().microseconds) * 1e-6;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int delay() {
  if (!graph_delay()) return kSuccess;
  return submit([] {
    context().microseconds += graph_delay() - 1;
    return int(kSuccess);
  });
}

}  // namespace

EXPORT int cuStreamCreate(void** stream, unsigned) {
  *stream = &context().stream;
  return context().sticky;
}
EXPORT int cuStreamDestroy_v2(void*) { return flush(); }
EXPORT int cuStreamSynchronize(void*) { return context().capturing ? kInvalidValue : flush(); }
EXPORT int cuStreamBeginCapture_v2(void*, int) {
  std::lock_guard lock(turn);
  if (context().sticky) return context().sticky;
  context().capturing = true;
  context().captured.clear();
  return kSuccess;
}
EXPORT int cuStreamEndCapture(void*, void** graph) {
  std::lock_guard lock(turn);
  context().capturing = false;
  *graph = new std::vector<Work>(std::move(context().captured));
  return context().sticky;
}
EXPORT int cuGraphInstantiateWithFlags(void** instance, void* graph, unsigned long long) {
  *instance = new std::vector<Work>(*static_cast<std::vector<Work>*>(graph));
  return context().sticky;
}
EXPORT int cuGraphLaunch(void* instance, void*) {
  if (const int status = delay()) return status;
  for (const Work& work : *static_cast<std::vector<Work>*>(instance)) {
    const int status = submit(work);
    if (status) return status;
  }
  return kSuccess;
}
EXPORT int cuGraphDestroy(void* graph) {
  delete static_cast<std::vector<Work>*>(graph);
  return kSuccess;
}
EXPORT int cuGraphExecDestroy(void* instance) {
  flush();
  delete static_cast<std::vector<Work>*>(instance);
  return kSuccess;
}

EXPORT int cuEventCreate(void** event, unsigned) {
  *event = new Event;
  return context().sticky;
}
EXPORT int cuEventDestroy_v2(void* event) {
  flush();
  delete static_cast<Event*>(event);
  return kSuccess;
}
EXPORT int cuEventRecord(void* event, void*) {
  return submit([event] {
    static_cast<Event*>(event)->seconds = now();
    return int(kSuccess);
  });
}
EXPORT int cuEventSynchronize(void*) { return flush(); }
EXPORT int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
  *milliseconds = float(1e3 * (static_cast<Event*>(end)->seconds - static_cast<Event*>(begin)->seconds));
  return kSuccess;
}

// For the stand-ins of NVIDIA's libraries.
EXPORT int easel_simt_capturing() { return context().capturing; }
