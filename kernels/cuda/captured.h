// Work recorded as a CUDA graph, which one call replays.
#pragma once
#include <functional>

#include "driver.h"

namespace easel {

struct Device;

class Captured {
 public:
  // Throws what `work` throws, and Failure where it cannot be recorded.
  Captured(Device& device, const std::function<void()>& work);
  ~Captured();
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  void launch();

 private:
  Device& device_;
  CUgraphExec graph_ = nullptr;
};

}  // namespace easel
