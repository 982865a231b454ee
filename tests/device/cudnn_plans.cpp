// What the installed cuDNN (9.8 or newer) answers to the graphs that easel
// describes, for cards that need not be there: how many plans each graph gets.
// Run by cudnn_plans.sh. The cards are described as cuDNN itself describes one;
// attention is compiled on the way, for which it wants to find NVIDIA's driver
// library.
#include <cstdio>
#include <functional>
#include <string>

#include "../../kernels/cuda/vendor/cudnn/dnn_graphs.h"
#include "../../kernels/executor/failure.h"

using namespace easel;
using namespace easel::dnn;

namespace {

struct Card {
  const char* name;
  int capability, multiprocessors, shared, threads, blocks;
};
constexpr Card kCards[] = {
    {"T4", 750, 40, 65536, 1024, 16},        {"A100", 800, 108, 166912, 2048, 32},
    {"RTX 3090", 860, 82, 101376, 1536, 16}, {"RTX 4090", 890, 128, 101376, 1536, 24},
    {"H100", 900, 132, 232448, 2048, 32},    {"RTX 5090", 1200, 170, 101376, 1536, 24}};

std::string json_of(const Card& c) {
  char text[1024];
  snprintf(text, sizeof text,
           "{\"deviceVer\":%d,\"driverVer\":13000,\"cudaDeviceId\":0,"
           "\"maxGridSize\":[2147483647,65535,65535],"
           "\"maxBlockSize\":[1024,1024,64],\"regsPerBlock\":65536,"
           "\"multiProcessorCount\":%d,"
           "\"smCountOrigin\":0,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
           "\"maxSharedMemoryPerBlockOptin\":%d,\"reservedSharedMemoryPerBlock\":"
           "1024,"
           "\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":%d,\"maxThreadsPerBlock\":"
           "1024,"
           "\"maxThreadsPerSM\":%d,\"pciDeviceId\":0,\"isTccDriver\":0,"
           "\"supportCoopLaunch\":1,"
           "\"smClockRateKHz\":1500000,\"memClockRateKHz\":2000000,\"l2CacheSize\":"
           "41943040,"
           "\"deviceName\":\"%s\",\"totalGlobalMem\":17179869184}",
           c.capability, c.multiprocessors, c.shared, c.blocks, c.threads, c.name);
  return text;
}

int failures = 0;

// The number of plans, or a failure's text.
void row(const Cudnn& library, const DnnObject& card, const std::string& name, bool exact,
         const std::function<void(DnnGraph&)>& build) {
  try {
    DnnGraph graph(library);
    build(graph);
    const auto plans = graph.plans({.handle = nullptr, .card = &card}, 4, size_t(256) << 20, exact);
    printf("  %-60s %zu\n", name.c_str(), plans.size());
  } catch (const Failure& e) {
    ++failures;
    printf("  %-60s %s\n", name.c_str(), e.what());
  }
  fflush(stdout);
}

void convolutions(const Cudnn& library, const DnnObject& card, const char* dtype, int type) {
  struct Size {
    int64_t N, side, I, O, stride, before;
  };
  for (const auto& [N, side, I, O, stride, before] :
       {Size{2, 64, 320, 320, 1, 1}, Size{2, 64, 4, 320, 1, 1}, Size{2, 64, 320, 4, 1, 1},
        Size{2, 64, 320, 320, 2, 1}, Size{1, 512, 128, 128, 2, 0}, Size{2, 16, 2560, 1280, 1, 1}}) {
    const int64_t to = (side + before + 1 - 3) / stride + 1;
    const Conv2dShape shape{N, side, side, I, to, to, O, 3, 3, stride, before, before, 1, 1};
    char size[64];
    snprintf(size, sizeof size, " %dx%dx%d %d to %d by %d", int(N), int(side), int(side), int(I), int(O),
             int(stride));
    const auto one = [&](const char* what, DnnConvolution::Way way, bool bias, bool residual) {
      const DnnConvolution c{shape, way, type, bias, residual};
      row(library, card, std::string(dtype) + size + ", " + what, type == kF32,
          [&](DnnGraph& g) { describe(g, c, {64, 64, 64, 64, 64}); });
    };
    one("plain", DnnConvolution::kForward, false, false);
    one("bias", DnnConvolution::kForward, true, false);
    one("bias and residual", DnnConvolution::kForward, true, true);
    one("input gradient", DnnConvolution::kBackwardInput, false, false);
    one("weight gradient", DnnConvolution::kBackwardWeight, false, false);
  }
}

void attentions(const Cudnn& library, const DnnObject& card, const char* dtype, int type) {
  for (const DnnAttention& a :
       {DnnAttention{type, 2, 8, 40, 4096, 4096}, DnnAttention{type, 2, 8, 40, 4096, 77},
        DnnAttention{type, 2, 8, 80, 1024, 1024}, DnnAttention{type, 2, 8, 160, 256, 77},
        DnnAttention{type, 2, 10, 64, 4096, 4096}}) {
    char name[96];
    snprintf(name, sizeof name, "%s attention, %d heads of %d, %dx%d", dtype, int(a.batch * a.heads),
             int(a.width), int(a.queries), int(a.keys));
    row(library, card, name, false, [&](DnnGraph& g) { describe(g, a); });
    row(library, card, name + std::string(", gradient"), false,
        [&](DnnGraph& g) { describe_backward(g, a); });
  }
}

}  // namespace

int main() {
  Cudnn library;
  library.open(false, nullptr, true);
  if (library.path.empty() || !library.set_attribute) {
    fprintf(stderr, "no cuDNN 9 is found (EASEL_CUDNN names one): %s\n", library.why.c_str());
    return library.path.empty() ? 77 : 1;
  }
  printf("cuDNN %s: plans for each graph, at most 4\n", library.version_text().c_str());
  for (const Card& c : kCards) {
    const std::string json = json_of(c);
    DnnObject card(library, kCard);
    card.set(kCardJson, kChar, json.data(), int64_t(json.size()));
    card.finalize(c.name);
    printf("%s\n", c.name);
    for (const auto& [dtype, type] : {std::pair{"f16", kF16}, {"bf16", kBf16}, {"f32", kF32}}) {
      if (type == kBf16 && c.capability < 800) continue;
      convolutions(library, card, dtype, type);
      if (type != kF32) attentions(library, card, dtype, type);
    }
  }
  return failures != 0;
}
