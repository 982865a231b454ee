// Finding cuDNN and saying in one line why it is not used.
#include "cudnn.h"

#include "../../../executor/failure.h"

namespace easel {
namespace {

constexpr size_t kOldest = 90000, kNewest = 99999;

}  // namespace

void Cudnn::check(int status, const char* what) const {
  if (status == 0) return;
  const char* named = status_text ? status_text(status) : nullptr;
  std::string text = std::string(what) + ": " + (named ? named : "cuDNN status " + std::to_string(status));
  char reason[512] = "";
  if (last_error) last_error(reason, sizeof reason - 1);
  if (*reason) text += std::string(", ") + reason;
  throw Failure(EASEL_FAILED, text);
}

void Cudnn::open(bool alone, CUstream stream, bool has_cublaslt) {
  // cuDNN compiles attention with NVRTC, which it asks the loader for by name; that finds what is open
  // already.
  if (!alone)
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"})
      if (open_in_folders(name)) break;
  if (!find("EASEL_CUDNN", alone, {"libcudnn.so.9"})) return;
#define EASEL_FIND(member, name, parameters) member = function<decltype(member)>(name);
  EASEL_CUDNN_FUNCTIONS(EASEL_FIND)
#undef EASEL_FIND
  status_text = function<decltype(status_text)>("cudnnGetErrorString");
  last_error = function<decltype(last_error)>("cudnnGetLastErrorString");
  const auto get_version = function<size_t (*)()>("cudnnGetVersion");
  if (get_version) version = get_version();
  if (!complete("cudnnGetVersion")) return;
  if (version < kOldest || version > kNewest) {
    why = "it is version " + version_text() + ", easel needs version 9";
    return;
  }
  if (!has_cublaslt) {
    why = "it needs cuBLASLt";
    return;
  }
  try {
    check(create(&handle), "cudnnCreate");
    check(set_stream(handle, stream), "cudnnSetStream");
  } catch (const Failure& e) {
    if (handle) destroy(handle);
    handle = nullptr;
    why = e.what();
  }
}

Cudnn::~Cudnn() {
  if (handle) destroy(handle);
}

}  // namespace easel
