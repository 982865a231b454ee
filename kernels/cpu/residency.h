// Frozen weights lie in memory once. Where every living program reads only the copy that oneDNN's layout
// asked for, the pages of the plain bytes go back to the system, and are made again from the copy when
// somebody wants them.
#pragma once
#include <functional>
#include <map>
#include <mutex>

#include "../executor/instruction.h"

namespace easel {

class Residency {
 public:
  // w's bytes can be made again by `unpack`, which writes them to w.data and keeps its copy alive.
  void restorable(const Tensor& w, std::function<void()> unpack);
  bool is_away(uint64_t buffer_id) const;
  // The plain bytes are there when this returns, until the next give_back().
  void need(uint64_t buffer_id);
  // A program reads the plain bytes, or writes them too, for as long as it lives.
  void hold(uint64_t buffer_id, bool writes);
  void release(uint64_t buffer_id, bool writes);
  // Gives back the pages of one weight, or of all, unless a program holds them.
  void give_back(uint64_t buffer_id);
  void give_back();
  // The buffer is freed or written: what was packed says nothing about it any more.
  void forget(uint64_t buffer_id);
  // Bytes that are given back now.
  size_t away_bytes() const;

 private:
  struct Entry {
    char* pages;  // whole pages inside the weight
    size_t bytes;
    std::function<void()> unpack;
    bool away = false;
  };
  void drop(uint64_t buffer_id, Entry& entry);
  mutable std::mutex mutex_;  // buffers are freed and read on the caller's thread
  std::map<uint64_t, Entry> entries_;
  std::map<uint64_t, int> holds_, writers_;
  size_t away_bytes_ = 0;
};

}  // namespace easel
