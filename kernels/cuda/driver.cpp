// Finding NVIDIA's driver and saying in one line why it cannot be used.
#include "driver.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "../executor/failure.h"

namespace easel {
namespace {

constexpr int kOldest = 12000;  // driver 525: the first that captures and launches as program.cpp does

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

template <typename F>
void find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
}

}  // namespace

std::string Driver::text(CUresult status) const {
  const char *name = nullptr, *explained = nullptr;
  if (error_name) error_name(status, &name);
  if (error_text) error_text(status, &explained);
  std::string s = name ? name : "CUDA error " + std::to_string(int(status));
  if (explained) s += std::string(" (") + explained + ")";
  return s;
}

void Driver::check(CUresult status, const char* what) const {
  if (status == CUDA_SUCCESS) return;
  throw Failure(status == CUDA_ERROR_OUT_OF_MEMORY ? EASEL_OUT_OF_MEMORY : EASEL_FAILED,
                std::string("cuda: ") + what + ": " + text(status));
}

bool is_fatal(CUresult status) {
  switch (int(status)) {
    case 4:    // deinitialized
    case 46:   // device unavailable
    case 201:  // invalid context
    case 214:  // uncorrectable ECC error
    case 700:  // illegal address
    case 702:  // launch timeout
    case 709:  // context destroyed
    case 710:  // assert
    case 714:  // hardware stack error
    case 715:  // illegal instruction
    case 716:  // misaligned address
    case 717:  // invalid address space
    case 718:  // invalid program counter
    case 719:  // launch failed
    case 999:  // unknown: what a card that fell off the bus gives
      return true;
    default:
      return false;
  }
}

Driver load_driver() {
  const char* named = getenv("EASEL_CUDA_DRIVER");
  Driver d;
  d.path = named && *named ? named : "libcuda.so.1";
  // Never closed: the driver keeps threads of its own.
  void* library = dlopen(d.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    if (named && *named)
      throw Failure(EASEL_UNSUPPORTED, "cuda: EASEL_CUDA_DRIVER: " + std::string(why ? why : d.path));
    throw Failure(
        EASEL_UNSUPPORTED,
        "cuda: no NVIDIA driver here (libcuda.so.1 cannot be loaded); install it, or use --device cpu");
  }
  const char* missing = nullptr;
#define EASEL_FIND(member, name, parameters) \
  find(library, name, d.member);             \
  if (!d.member && !missing) missing = name;
  EASEL_DRIVER_FUNCTIONS(EASEL_FIND)
#undef EASEL_FIND
  find(library, "cuFuncGetParamInfo", d.parameter_info);
  find(library, "cuTensorMapEncodeTiled", d.map_tiled);
  find(library, "cuTensorMapEncodeIm2col", d.map_pixels);
  find(library, "easel_simt_image", d.simulated_image);
  find(library, "easel_simt_expect", d.simulated_expect);
  find(library, "easel_simt_fault", d.simulated_fault);
  if (d.driver_version) d.driver_version(&d.version);
  if (d.version < kOldest || missing) {
    std::string s = "cuda: " + d.path + " supports CUDA " + version_text(d.version);
    if (d.version >= kOldest) s += std::string(" but has no ") + missing;
    throw Failure(EASEL_UNSUPPORTED,
                  s + "; easel needs CUDA 12.0 (driver 525) or newer, or use --device cpu");
  }
  const CUresult status = d.init(0);
  if (status == CUDA_ERROR_NO_DEVICE)
    throw Failure(EASEL_UNSUPPORTED, "cuda: the driver is here, but no NVIDIA GPU; use --device cpu");
  if (status == CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)
    throw Failure(
        EASEL_UNSUPPORTED,
        "cuda: the driver's library and its kernel module are of different versions; restart the machine");
  if (status != CUDA_SUCCESS)
    throw Failure(EASEL_UNSUPPORTED,
                  "cuda: the driver does not start: " + d.text(status) + "; use --device cpu");
  return d;
}

}  // namespace easel
