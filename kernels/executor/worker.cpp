// The device's thread and its one-place queue.
#include "worker.h"

#include <utility>

namespace easel {

Worker::Worker(std::function<void()> before) : before_(std::move(before)) {
  thread_ = std::thread([this] { serve(); });
}

Worker::~Worker() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::serve() {
  before_();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || work_; });
    if (!work_) return;
    try {
      (*work_)();
    } catch (...) {
      thrown_ = std::current_exception();
    }
    work_ = nullptr;
    done_.notify_one();
  }
}

void Worker::call(const std::function<void()>& work) {
  std::lock_guard turn(callers_);
  std::unique_lock lock(mutex_);
  work_ = &work;
  wake_.notify_one();
  done_.wait(lock, [this] { return !work_; });
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

}  // namespace easel
