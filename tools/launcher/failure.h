// What a start that cannot go on throws; main prints it as one line.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace easel {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The executable itself is not what was released; no other folder can help.
struct Damaged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `path: text of errno`
inline Failure system_failure(const std::string& path) { return Failure(path + ": " + strerror(errno)); }

}  // namespace easel
