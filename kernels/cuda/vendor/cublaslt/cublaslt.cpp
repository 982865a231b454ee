// Finding cuBLASLt and saying in one line why it is not used.
#include "cublaslt.h"

#include "../../../executor/failure.h"

namespace easel {
namespace {

constexpr size_t kOldest = 111103;  // CUDA 11.8: the first that knows every card that easel has kernels for

}  // namespace

void CublasLt::check(int status, const char* what) const {
  if (status == 0) return;
  const char* named = status_name ? status_name(status) : nullptr;
  throw Failure(EASEL_FAILED,
                std::string(what) + ": " + (named ? named : "cuBLAS status " + std::to_string(status)));
}

void CublasLt::open(bool alone) {
  // The newest first. A library of a newer CUDA than the driver's refuses to make a handle.
  if (!find("EASEL_CUBLASLT", alone, {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"})) return;
#define EASEL_FIND(member, name, parameters) member = function<decltype(member)>(name);
  EASEL_CUBLASLT_FUNCTIONS(EASEL_FIND)
#undef EASEL_FIND
  const auto get_version = function<size_t (*)()>("cublasLtGetVersion");
  if (get_version) version = get_version();
  if (!complete("cublasLtGetVersion")) return;
  status_name = optional<decltype(status_name)>("cublasLtGetStatusName");  // older ones have no names
  if (version < kOldest) {
    why = "it is version " + version_text() + ", easel needs " + version_text(kOldest) + " or newer";
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
