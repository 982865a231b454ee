#include "host.h"

#include "file.h"

namespace easel {

#if defined(__aarch64__)
#define EASEL_TRIPLET "aarch64-linux-gnu"
constexpr char kLoader[] = "/lib/ld-linux-aarch64.so.1";
const char kOwnLoader[] = "ld-linux-aarch64.so.1";
#else
#define EASEL_TRIPLET "x86_64-linux-gnu"
constexpr char kLoader[] = "/lib64/ld-linux-x86-64.so.2";
const char kOwnLoader[] = "ld-linux-x86-64.so.2";
#endif

bool host_has_glibc(const std::string& version) {
  if (access(kLoader, X_OK) != 0) return false;
  // glibc names every version that it satisfies in its string table; zeros around, so that 2.3 is not 2.36.
  const std::string wanted = std::string("\0GLIBC_", 7) + version + '\0';
  for (const char* folder :
       {"/lib/" EASEL_TRIPLET, "/usr/lib/" EASEL_TRIPLET, "/lib64", "/usr/lib64", "/usr/lib"}) {
    const std::string at = folder;
    File libc(open((at + "/libc.so.6").c_str(), O_RDONLY | O_CLOEXEC));
    if (!libc || access((at + "/libgcc_s.so.1").c_str(), R_OK) != 0) continue;
    struct stat status;
    if (fstat(libc.fd(), &status) != 0) continue;
    const Mapping bytes(libc.fd(), uint64_t(status.st_size));
    return bytes.size() > 0 && memmem(bytes.data(), bytes.size(), wanted.data(), wanted.size()) != nullptr;
  }
  return false;
}

}  // namespace easel
