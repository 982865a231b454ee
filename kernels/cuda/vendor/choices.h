// Which way of computing something was fastest on this card, remembered in a file of lines
//   key <tab> choice <tab> what was measured
// under a title of lines that say for which card, driver, library and kernels they hold, and above a last
// line with a hash of all. A file that is damaged or of another title counts as none and is replaced.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace easel {

uint64_t hash_of(const void* data, size_t bytes, uint64_t seed = 0);
std::string hex(uint64_t value);

class Choices {
 public:
  struct Entry {
    std::string choice, measured;
  };

  // folder "": nothing is read or written. name: of the file. title: lines, each with its newline.
  Choices(std::string folder, const std::string& name, std::string title);

  const Entry* find(const std::string& key) const;
  void put(const std::string& key, Entry entry);
  // Writes what is new, together with what other processes wrote meanwhile. Where it cannot, nothing is lost
  // but the memory.
  void save();

  const std::map<std::string, Entry>& all() const { return entries_; }
  const std::string& path() const { return path_; }

 private:
  void read();
  std::string folder_, path_, title_;
  std::map<std::string, Entry> entries_;
  bool changed_ = false;
};

}  // namespace easel
