// What is done otherwise on Intel's processors than on others of the same instructions.
#pragma once
#include <cstdlib>
#include <cstring>

namespace easel {

inline bool on_intel() {
  const char* wanted = getenv("EASEL_CPU_INTEL");  // for tests
  return __builtin_cpu_is("intel") && !(wanted && !strcmp(wanted, "never"));
}

}  // namespace easel
