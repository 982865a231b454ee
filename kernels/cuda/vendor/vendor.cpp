#include "vendor.h"

#include <sstream>

#include "../device.h"

namespace easel {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

uint64_t hash_of_kernels() {
  uint64_t hash = 0;
  for (int k = 0; k < kImageCount; ++k) {
    const auto* begin = static_cast<const char*>(kImages[k].begin);
    hash = hash_of(begin, size_t(static_cast<const char*>(kImages[k].end) - begin), hash);
  }
  return hash;
}

}  // namespace

Vendor::Vendor(Device& device, const char* folder) : device(device), off(!folder) {
  // Code for a GPU cannot run on the simulator: it gets only the stand-ins that are named.
  const bool simulated = device.driver.simulated_image != nullptr;
  if (!off) {
    lt.open(simulated);
    dnn.open(simulated, device.stream, lt.usable());
  }
  if (!lt.usable() && device.hopper != Hopper::kTried && !device.blocks_tried) return;
  std::ostringstream card, title;
  card << device.name << ", compute capability " << device.gpu.capability << ", "
       << device.gpu.multiprocessors << " multiprocessors";
  title << "easel's choices between its own kernels and NVIDIA's, 2\n"
        << "card: " << card.str() << "\ndriver: " << version_text(device.driver.version)
        << "\ncuBLASLt: " << lt.version_text() << "\ncuDNN: " << (dnn.usable() ? dnn.version_text() : "none")
        << "\nkernels: " << hex(hash_of_kernels())
        << (device.hopper == Hopper::kTried ? ", with those for Hopper" : "")
        << (device.blocks_tried ? ", sizes of blocks tried\n" : "\n");
  choices = std::make_unique<Choices>(
      off ? "" : folder, "card-" + hex(hash_of(card.str().data(), card.str().size())) + ".txt", title.str());
}

Vendor::~Vendor() = default;

namespace {

// How often the library was tried, taken and refused, and the library itself.
std::string describe_library(const VendorLibrary& library, const std::string& version, bool usable,
                             const std::string& name, const Choices* choices) {
  int measured = 0, taken = 0, refused = 0;
  std::string reason;
  if (choices)
    for (const auto& [key, entry] : choices->all()) {
      if (!key.starts_with(name + ": ")) continue;
      ++measured;
      taken += entry.choice.starts_with(name + " ");
      if (entry.choice != "refused") continue;
      if (!refused++) reason = key.substr(name.size() + 2, 60) + ": " + entry.measured.substr(0, 200);
    }
  std::ostringstream s;
  s << "{\"path\":" << json_quoted(library.path)
    << ",\"version\":" << json_quoted(library.version ? version : "")
    << ",\"usable\":" << (usable ? "true" : "false") << ",\"why\":" << json_quoted(library.why)
    << ",\"measured\":" << measured << ",\"taken\":" << taken << ",\"refused\":" << refused
    << ",\"reason\":" << json_quoted(reason) << "}";
  return s.str();
}

}  // namespace

std::string Vendor::info() const {
  std::ostringstream s;
  s << "{\"off\":" << (off ? "true" : "false")
    << ",\"cublasLt\":" << describe_library(lt, lt.version_text(), lt.usable(), "cublaslt", choices.get())
    << ",\"cudnn\":" << describe_library(dnn, dnn.version_text(), dnn.usable(), "cudnn", choices.get())
    << ",\"choices\":" << json_quoted(choices ? choices->path() : "") << "}";
  return s.str();
}

}  // namespace easel
