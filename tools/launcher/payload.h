// What the executable carries behind its own code: packed files, an index of them, a footer.
//
//   launcher | zstd frame of each file | index | footer
//
// The index is text: "version V", "glibc V" (the oldest C library that the files run on), then one line a
// file: "file MODE SIZE XXH3 OFFSET PACKED PATH". The footer is 48 bytes: the index's offset and size
// (little-endian), its XXH3 (128 bits) and a magic text. tools/compile/payload.ts writes all of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "file.h"
#include "hash.h"

namespace easel {

struct Entry {
  std::string path;  // below the unpacked folder, with '/'
  mode_t mode;
  uint64_t size;
  Hash hash;
  uint64_t offset, packed;  // of its zstd frame in the executable
};

class Payload {
 public:
  // Reads the index of the executable that is running. Throws Damaged where it is not whole.
  Payload();

  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& executable() const { return executable_; }
  const std::string& glibc() const { return glibc_; }
  // Name of the folder that the files are unpacked into; another build has another one.
  const std::string& folder() const { return folder_; }
  uint64_t bytes() const;

  // Writes an entry's bytes to `fd`, which is named `path` in errors. Throws Damaged unless they have the
  // entry's hash.
  void unpack(const Entry& entry, int fd, const std::string& path) const;

 private:
  void parse(const std::string& index);
  [[noreturn]] void damaged(const std::string& what) const;

  File file_;
  std::string executable_, version_, glibc_, folder_;
  std::vector<Entry> entries_;
};

}  // namespace easel
