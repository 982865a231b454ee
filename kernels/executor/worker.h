// One thread that does all the work of a device, whichever thread the caller is on: OpenMP keeps one team of
// workers for it, CUDA's context is current on it, and calls do not overlap.
#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace easel {

class Worker {
 public:
  // `before` runs first, on the new thread.
  explicit Worker(std::function<void()> before);
  ~Worker();
  void call(const std::function<void()>& work);  // rethrows what work throws

 private:
  void serve();
  std::function<void()> before_;
  std::mutex callers_, mutex_;
  std::condition_variable wake_, done_;
  const std::function<void()>* work_ = nullptr;
  std::exception_ptr thrown_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace easel
