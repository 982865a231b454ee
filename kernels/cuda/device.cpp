// Opening a GPU: driver, context, stream, kernels; and what it says of itself.
#include "device.h"

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "../executor/failure.h"
#include "vendor/vendor.h"

namespace easel {
namespace {

constexpr int kLowest = 75;

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}
std::string capability_text(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

int attribute(const Driver& driver, CUdevice device, int which) {
  int value = 0;
  driver.check(driver.device_attribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

Hopper asked_for_hopper(const Driver& driver, int capability) {
  const char* asked = getenv("EASEL_CUDA_HOPPER");
  if (!asked || !*asked || !strcmp(asked, "0") || capability != 90) return Hopper::kOff;
  if (strcmp(asked, "1") && strcmp(asked, "always"))
    throw Failure(EASEL_UNSUPPORTED, "cuda: EASEL_CUDA_HOPPER is " + std::string(asked) +
                                         "; it may be 0, 1 (tried beside the other kernels) or always");
  if (!driver.map_tiled || !driver.map_pixels) return Hopper::kOff;
  return strcmp(asked, "1") ? Hopper::kAlways : Hopper::kTried;
}

}  // namespace

Device::Device(int wanted, uint64_t limit, const char* vendor_folder)
    : driver(load_driver()), ordinal(wanted), limit(limit), worker([] {}) {
  const char* sync = getenv("EASEL_CUDA_SYNC");
  step_by_step = sync && !strcmp(sync, "1");
  try {
    worker.call([&] { open(vendor_folder); });
  } catch (...) {
    worker.call([this] { close(); });
    throw;
  }
}

Device::~Device() {
  worker.call([this] { close(); });
}

void Device::open(const char* vendor_folder) {
  int count = 0;
  driver.check(driver.device_count(&count), "cuDeviceGetCount");
  if (count == 0)
    throw Failure(EASEL_UNSUPPORTED, "cuda: the driver is here, but no NVIDIA GPU; use --device cpu");
  if (ordinal < 0 || ordinal >= count)
    throw Failure(EASEL_UNSUPPORTED,
                  "cuda: there is no GPU " + std::to_string(ordinal) + ", only " +
                      (count == 1 ? std::string("GPU 0") : "0 to " + std::to_string(count - 1)));
  driver.check(driver.device_get(&handle, ordinal), "cuDeviceGet");
  char text[256] = "";
  driver.check(driver.device_name(text, sizeof text, handle), "cuDeviceGetName");
  name = text;
  gpu.capability =
      10 * attribute(driver, handle, kCapabilityMajor) + attribute(driver, handle, kCapabilityMinor);
  gpu.multiprocessors = attribute(driver, handle, kMultiprocessors);
  gpu.shared_limit = attribute(driver, handle, kSharedOptIn);
  gpu.shared_total = attribute(driver, handle, kSharedPerMultiprocessor);
  gpu.threads_total = attribute(driver, handle, kThreadsPerMultiprocessor);
  if (gpu.capability < kLowest)
    throw Failure(EASEL_UNSUPPORTED, "cuda: " + name + " has compute capability " +
                                         capability_text(gpu.capability) +
                                         ", easel needs 7.5 (Turing) or newer; use --device cpu");
  hopper = asked_for_hopper(driver, gpu.capability);
  const char* blocks = getenv("EASEL_CUDA_BLOCKS");
  blocks_tried = blocks && !strcmp(blocks, "tried");
  check(driver.context_retain(&context, handle), "cuDevicePrimaryCtxRetain");
  check(driver.context_set(context), "cuCtxSetCurrent");
  check(driver.stream_create(&stream, kStreamNonBlocking), "cuStreamCreate");
  load_modules();
  staging = std::make_unique<Staging>(*this);
  vendor = std::make_unique<Vendor>(*this, vendor_folder);
}

void Device::load_modules() {
  std::vector<const void*> images;
  for (int k = 0; k < kImageCount; ++k) {
    const bool for_hopper = !strncmp(kImages[k].name, "hopper_", 7);  // no other card loads them
    if (!for_hopper || hopper != Hopper::kOff) images.push_back(kImages[k].begin);
  }
  if (driver.simulated_image) images = {driver.simulated_image()};
  if (images.empty())
    throw Failure(EASEL_UNSUPPORTED,
                  "cuda: this libeasel_cuda.so was built without nvcc and has no kernels; build it with "
                  "tools/build_cuda.sh");
  for (const void* image : images) {
    CUmodule module = nullptr;
    const CUresult status = driver.module_load(&module, image);
    if (status == CUDA_ERROR_NO_BINARY_FOR_GPU || status == CUDA_ERROR_INVALID_IMAGE ||
        status == CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
      throw Failure(EASEL_UNSUPPORTED, "cuda: the driver (CUDA " + version_text(driver.version) +
                                           ") cannot load the kernels, which were built with CUDA " +
                                           kToolkit + " for " + name + ": " + driver.text(status) +
                                           "; update the driver");
    check(status, "cuModuleLoadData");
    modules.push_back(module);
  }
}

void Device::close() {
  if (!context) return;
  vendor.reset();
  staging.reset();
  for (CUmodule module : modules) driver.module_unload(module);
  if (stream) driver.stream_destroy(stream);
  driver.context_release(handle);
  context = nullptr;
}

void Device::call(const std::function<void()>& work) {
  worker.call([&] {
    if (!lost.empty()) throw Failure(EASEL_FAILED, lost);
    work();
  });
}

void Device::check(CUresult status, const char* what) {
  if (status == CUDA_SUCCESS) return;
  std::string s = "cuda:" + std::to_string(ordinal) + " " + name + ": " + what + ": " + driver.text(status);
  const char* simulated = driver.simulated_fault ? driver.simulated_fault() : "";
  if (*simulated) s += std::string(": ") + simulated;
  if (is_fatal(status) && lost.empty())
    lost = "cuda:" + std::to_string(ordinal) + " " + name + " was lost (" + driver.text(status) +
           "); start again, from the last saved state";
  throw Failure(status == CUDA_ERROR_OUT_OF_MEMORY ? EASEL_OUT_OF_MEMORY : EASEL_FAILED, s);
}

void Device::synchronize(const char* what) { check(driver.stream_synchronize(stream), what); }

const Function* Device::function(const std::string& wanted) {
  const auto known = functions.find(wanted);
  if (known != functions.end()) return known->second.get();
  for (CUmodule module : modules) {
    CUfunction found = nullptr;
    const CUresult status = driver.module_function(&found, module, wanted.c_str());
    if (status == CUDA_ERROR_NOT_FOUND) continue;
    check(status, "cuModuleGetFunction");
    return functions.emplace(wanted, std::make_unique<Function>(Function{found, wanted})).first->second.get();
  }
  return nullptr;
}

std::string Device::info() {
  size_t available = 0, total = 0;
  std::string libraries;
  call([&] {
    check(driver.memory_info(&available, &total), "cuMemGetInfo");
    libraries = vendor->info();
  });
  std::ostringstream s;
  s << "{\"backend\":\"cuda\",\"ordinal\":" << ordinal << ",\"name\":" << json_quoted(name)
    << ",\"capability\":\"" << capability_text(gpu.capability)
    << "\",\"multiprocessors\":" << gpu.multiprocessors << ",\"driver\":\"" << version_text(driver.version)
    << "\",\"toolkit\":" << json_quoted(kToolkit)
    << ",\"simulated\":" << (driver.simulated_image ? "true" : "false") << ",\"vendor\":" << libraries
    << ",\"memory\":{\"total\":" << total << ",\"available\":" << available << "}}";
  return s.str();
}

}  // namespace easel

using namespace easel;

// `threads` is of no use here: the GPU's own are many.
int32_t easel_device_open(int32_t ordinal, int32_t, uint64_t limit, const char* vendor_folder,
                          easel_device** out) {
  return guarded(nullptr, [&] {
    *out = nullptr;
    *out = new easel_device(ordinal, limit, vendor_folder);
  });
}
