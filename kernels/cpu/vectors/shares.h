// Tasks for threads that begin with equal shares, neighbours together, and then help each other: who has none
// left takes the last of whoever has most. What a task computes must not depend on who does it.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

namespace easel {

class Shares {
 public:
  Shares(int threads, int64_t tasks) : threads_(threads), tasks_(tasks), left_(new Left[size_t(threads)]) {}

  // Before threads begin.
  void deal() const {
    for (int t = 0; t < threads_; ++t)
      left_[t].range = pair(tasks_ * t / threads_, tasks_ * (t + 1) / threads_);
  }

  // The thread's next task, or -1.
  int64_t next(int thread) const {
    for (;;) {
      if (const int64_t task = take(left_[thread].range, true); task >= 0) return task;
      int victim = -1;
      uint64_t most = 0;
      for (int t = 0; t < threads_; ++t) {
        const uint64_t range = left_[t].range, many = (range >> 32) - (range & kLow);
        if (many > most) most = many, victim = t;
      }
      if (victim < 0) return -1;
      if (const int64_t task = take(left_[victim].range, false); task >= 0) return task;
    }
  }

 private:
  static constexpr uint64_t kLow = 0xffffffff;
  struct alignas(64) Left {
    std::atomic<uint64_t> range{0};  // from the low half to the high one
  };

  static uint64_t pair(int64_t from, int64_t to) { return uint64_t(from) | uint64_t(to) << 32; }

  static int64_t take(std::atomic<uint64_t>& range, bool first) {
    uint64_t old = range;
    for (;;) {
      const int64_t from = int64_t(old & kLow), to = int64_t(old >> 32);
      if (from == to) return -1;
      if (range.compare_exchange_weak(old, first ? pair(from + 1, to) : pair(from, to - 1)))
        return first ? from : to - 1;
    }
  }

  int threads_;
  int64_t tasks_;
  std::shared_ptr<Left[]> left_;
};

}  // namespace easel
