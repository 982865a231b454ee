#include "captured.h"

#include "device.h"

namespace easel {

Captured::Captured(Device& device, const std::function<void()>& work) : device_(device) {
  const Driver& d = device.driver;
  device.check(d.capture_begin(device.stream, kCaptureThreadLocal), "cuStreamBeginCapture");
  CUgraph graph = nullptr;
  try {
    work();
  } catch (...) {
    if (d.capture_end(device.stream, &graph) == CUDA_SUCCESS && graph) d.graph_destroy(graph);
    throw;
  }
  device.check(d.capture_end(device.stream, &graph), "cuStreamEndCapture");
  const CUresult status = d.graph_instantiate(&graph_, graph, 0);
  d.graph_destroy(graph);
  device.check(status, "cuGraphInstantiate");
}

Captured::~Captured() { device_.driver.graph_exec_destroy(graph_); }

void Captured::launch() {
  device_.check(device_.driver.graph_launch(graph_, device_.stream), "cuGraphLaunch");
}

}  // namespace easel
