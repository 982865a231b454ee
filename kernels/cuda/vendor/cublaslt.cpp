// Finding cuBLASLt and saying in one line why it is not used.
#include "cublaslt.h"

#include <dlfcn.h>

#include <cstdlib>

#include "../../executor/failure.h"

namespace easel {
namespace {

// The newest first. A library of a newer CUDA than the driver's refuses to make a handle.
constexpr const char* kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"};
constexpr size_t kOldest = 111103;  // CUDA 11.8: the first that knows every card that easel has kernels for

std::string text_of(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

// Where the loader found the file, with links followed.
std::string file_of(const void* symbol, const char* otherwise) {
  Dl_info info;
  if (!dladdr(symbol, &info) || !info.dli_fname) return otherwise;
  char* real = realpath(info.dli_fname, nullptr);
  const std::string found = real ? real : info.dli_fname;
  free(real);
  return found;
}

}  // namespace

std::string CublasLt::version_text() const { return text_of(version); }

void CublasLt::check(int status, const char* what) const {
  if (status == 0) return;
  const char* named = status_name ? status_name(status) : nullptr;
  throw Failure(EASEL_FAILED,
                std::string(what) + ": " + (named ? named : "cuBLAS status " + std::to_string(status)));
}

void CublasLt::open(const char* named, bool alone) {
  void* library = nullptr;  // never closed: it keeps threads and device code of its own
  if (named && *named) {
    path = named;
    library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* text = dlerror();
      why = "EASEL_CUBLASLT: " + std::string(text ? text : named);
      return;
    }
  } else {
    for (const char* name : kNames) {
      if (alone || library) break;
      library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library) path = name;
    }
    if (!library) return;
  }
  const char* missing = nullptr;
#define EASEL_FIND(member, name, parameters)                         \
  member = reinterpret_cast<decltype(member)>(dlsym(library, name)); \
  if (!member && !missing) missing = name;
  EASEL_CUBLASLT_FUNCTIONS(EASEL_FIND)
#undef EASEL_FIND
  status_name = reinterpret_cast<decltype(status_name)>(dlsym(library, "cublasLtGetStatusName"));
  const auto get_version = reinterpret_cast<size_t (*)()>(dlsym(library, "cublasLtGetVersion"));
  if (get_version) version = get_version();
  if (missing || !get_version) {
    why = "it has no " + std::string(missing ? missing : "cublasLtGetVersion");
    return;
  }
  path = file_of(reinterpret_cast<const void*>(get_version), path.c_str());
  if (version < kOldest) {
    why = "it is version " + version_text() + ", easel needs " + text_of(kOldest) + " or newer";
    return;
  }
  try {
    check(create(&handle), "cublasLtCreate");
  } catch (const Failure& e) {
    handle = nullptr;
    why = e.what();
  }
}

CublasLt::~CublasLt() {
  if (handle) destroy(handle);
}

}  // namespace easel
