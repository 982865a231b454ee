// See residency.h.
#include "residency.h"

#include <sys/mman.h>
#include <unistd.h>

namespace easel {

void Residency::restorable(const Tensor& w, std::function<void()> unpack) {
  const std::lock_guard lock(mutex_);
  if (w.offset != 0 || entries_.count(w.buffer_id) || writers_.count(w.buffer_id)) return;
  static const auto page = uintptr_t(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(w.data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(w.data) + uintptr_t(w.bytes())) / page * page;
  if (end <= begin || end - begin < 16 * page) return;  // not worth two system calls
  entries_[w.buffer_id] = {reinterpret_cast<char*>(begin), end - begin, std::move(unpack)};
}

bool Residency::is_away(uint64_t buffer_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(buffer_id);
  return found != entries_.end() && found->second.away;
}

void Residency::need(uint64_t buffer_id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(buffer_id);
  if (found == entries_.end() || !found->second.away) return;
  found->second.unpack();
  found->second.away = false;
  away_bytes_ -= found->second.bytes;
}

void Residency::hold(uint64_t buffer_id, bool writes) {
  const std::lock_guard lock(mutex_);
  ++holds_[buffer_id];
  if (!writes) return;
  ++writers_[buffer_id];
  entries_.erase(buffer_id);  // not away: need() came first
}

void Residency::release(uint64_t buffer_id, bool writes) {
  const std::lock_guard lock(mutex_);
  if (--holds_[buffer_id] == 0) holds_.erase(buffer_id);
  if (writes && --writers_[buffer_id] == 0) writers_.erase(buffer_id);
}

void Residency::drop(uint64_t buffer_id, Entry& entry) {
  if (entry.away || holds_.count(buffer_id)) return;
  if (madvise(entry.pages, entry.bytes, MADV_DONTNEED) != 0) return;  // locked memory stays
  entry.away = true;
  away_bytes_ += entry.bytes;
}

void Residency::give_back(uint64_t buffer_id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(buffer_id);
  if (found != entries_.end()) drop(buffer_id, found->second);
}

void Residency::give_back() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, entry] : entries_) drop(id, entry);
}

void Residency::forget(uint64_t buffer_id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(buffer_id);
  if (found == entries_.end()) return;
  if (found->second.away) away_bytes_ -= found->second.bytes;
  entries_.erase(found);
}

size_t Residency::away_bytes() const {
  const std::lock_guard lock(mutex_);
  return away_bytes_;
}

}  // namespace easel
