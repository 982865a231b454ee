#include "vendor.h"

#include <cstdlib>
#include <cstring>
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
  if (off) return;
  // Code for a GPU cannot run on the simulator: it gets only the stand-ins that are named.
  lt.open(getenv("EASEL_CUBLASLT"), device.driver.simulated_image != nullptr);
  if (!lt.usable()) return;
  std::ostringstream card, title;
  card << device.name << ", compute capability " << device.gpu.capability << ", "
       << device.gpu.multiprocessors << " multiprocessors";
  title << "easel's choices between its own kernels and cuBLASLt's, 1\n"
        << "card: " << card.str() << "\ndriver: " << version_text(device.driver.version)
        << "\ncuBLASLt: " << lt.version_text() << "\nkernels: " << hex(hash_of_kernels()) << "\n";
  choices = std::make_unique<Choices>(
      folder, "products-" + hex(hash_of(card.str().data(), card.str().size())) + ".txt", title.str());
}

Vendor::~Vendor() = default;

std::string Vendor::info() const {
  int taken = 0, refused = 0;
  std::string reason;
  if (choices)
    for (const auto& [key, entry] : choices->all()) {
      taken += entry.choice.starts_with("cublaslt");
      if (entry.choice != "refused") continue;
      if (!refused++) reason = key.substr(0, 60) + ": " + entry.measured.substr(0, 200);
    }
  std::ostringstream s;
  s << "{\"off\":" << (off ? "true" : "false") << ",\"cublasLt\":{\"path\":" << json_quoted(lt.path)
    << ",\"version\":" << json_quoted(lt.version ? lt.version_text() : "")
    << ",\"usable\":" << (lt.usable() ? "true" : "false") << ",\"why\":" << json_quoted(lt.why)
    << ",\"measured\":" << (choices ? choices->all().size() : 0) << ",\"taken\":" << taken
    << ",\"refused\":" << refused << ",\"reason\":" << json_quoted(reason)
    << ",\"choices\":" << json_quoted(choices ? choices->path() : "") << "}}";
  return s.str();
}

}  // namespace easel
