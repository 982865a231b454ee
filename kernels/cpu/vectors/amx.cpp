#include "amx.h"

#if defined(__AVX512F__)
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace easel {
inline namespace EASEL_ISA {

bool amx::serves() {
  constexpr int kAskForPermission = 0x1023,
                kTileData = 18;  // of Linux' asm/prctl.h and the processor's manual
  static const bool allowed = __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
                              syscall(SYS_arch_prctl, kAskForPermission, kTileData) == 0;
  const char* wanted = getenv("EASEL_CPU_AMX");  // for tests
  return allowed && !(wanted && !strcmp(wanted, "never"));
}

}  // namespace EASEL_ISA
}  // namespace easel
#endif
