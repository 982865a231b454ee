#include "trial.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "../../executor/file.h"
#include "../captured.h"
#include "choose.h"
#include "vendor.h"

namespace easel {
namespace {

constexpr size_t kAround = 256;                     // bytes before and behind a result that nothing may write
constexpr uint64_t kSpare = uint64_t(64) << 20;     // bytes that stay free for the library's own device code
constexpr int64_t kPattern = 131071;                // a prime, so that rows and pictures never begin alike
constexpr int64_t kPiece = 64 << 10, kPieces = 64;  // how much of a large result is compared

constexpr double kShort = 2e-4;  // seconds below which a run is repeated within a graph
constexpr int kRepeats = 20;

CUdeviceptr address(const void* p) { return reinterpret_cast<CUdeviceptr>(p); }

// Bytes of a result: all of a small one, else pieces spread over it, the first and the last among them.
std::vector<char> sample(Device& device, const char* at, int64_t bytes) {
  if (bytes <= kPiece * kPieces) {
    std::vector<char> all(size_t(bytes), 0);
    device.download(all.data(), at, uint64_t(bytes));
    return all;
  }
  std::vector<char> pieces(size_t(kPiece * kPieces));
  for (int64_t k = 0; k < kPieces; ++k)
    device.download(pieces.data() + k * kPiece, at + (bytes - kPiece) / (kPieces - 1) * k / 8 * 8, kPiece);
  return pieces;
}

// "" when two results agree as well as sums in another order do, else how they do not.
std::string difference(const std::vector<char>& theirs, const std::vector<char>& ours,
                       const TrialResult& result) {
  const int32_t dtype = result.dtype;
  const int64_t n = int64_t(ours.size()) / dtype_bytes(dtype);
  std::vector<float> a(static_cast<size_t>(n)), b(static_cast<size_t>(n));
  convert(reinterpret_cast<char*>(a.data()), theirs.data(), n, dtype, EASEL_F32);
  convert(reinterpret_cast<char*>(b.data()), ours.data(), n, dtype, EASEL_F32);
  double error = 0, norm = 0, most = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    if (!std::isfinite(b[k])) return "our own result is not finite";
    if (!std::isfinite(a[k])) return "its result is not finite";
    const double d = double(a[k]) - double(b[k]);
    error += d * d, norm += double(b[k]) * double(b[k]);
    most = std::max(most, std::abs(d));
  }
  // TF32 in place of f32 is off by about 5e-4.
  const double allowed = result.allowed       ? result.allowed
                         : dtype == EASEL_F32 ? 1e-5
                         : dtype == EASEL_F16 ? 2e-3
                                              : 1.2e-2;
  const double whole = std::sqrt(error / std::max(norm, 1e-30)),
               place = most / std::sqrt(std::max(norm, 1e-30) / double(n));
  if (whole <= allowed && place <= 10 * allowed) return "";
  char text[120];
  snprintf(text, sizeof text, "its result differs from ours by %.2g, at one place by %.2g", whole, place);
  return text;
}

class Clock {
 public:
  explicit Clock(Device& device) : device_(device) {
    for (CUevent& event : events_)
      device.check(device.driver.event_create(&event, kEventDefault), "cuEventCreate");
  }
  ~Clock() {
    for (CUevent event : events_)
      if (event) device_.driver.event_destroy(event);
  }
  // Seconds of one of `times` runs, one behind the other.
  double measure(const Run& run, int times) {
    const Driver& d = device_.driver;
    device_.check(d.event_record(events_[0], device_.stream), "cuEventRecord");
    for (int k = 0; k < times; ++k) run();
    device_.check(d.event_record(events_[1], device_.stream), "cuEventRecord");
    device_.synchronize("a trial");
    float milliseconds = 0;
    device_.check(d.event_elapsed(&milliseconds, events_[0], events_[1]), "cuEventElapsedTime");
    return double(milliseconds) * 1e-3 / times;
  }

 private:
  Device& device_;
  CUevent events_[2] = {};
};

// The least of three rounds that each take about two milliseconds; one run where that takes long. What is
// short is repeated within one graph: the launch of a graph takes some microseconds itself.
double seconds(Device& device, Clock& clock, const Run& run, const Run& replay) {
  double least = std::min(clock.measure(replay, 1), clock.measure(replay, 1));  // the first one may upload it
  if (least > 0.02) return least;
  const int repeats = least < kShort ? kRepeats : 1;
  std::unique_ptr<Captured> many;
  if (repeats > 1)
    many = std::make_unique<Captured>(device, [&] {
      for (int k = 0; k < repeats; ++k) run();
    });
  const Run round_of = many ? Run([&] { many->launch(); }) : replay;
  const int times = int(std::min(std::max(2e-3 / std::max(least * repeats, 1e-7), 1.0), 50.0));
  for (int round = 0; round < 3; ++round) least = std::min(least, clock.measure(round_of, times) / repeats);
  return least;
}

// An idle card's clocks are low, and the first way would be measured with them.
void warm_up(Device& device, const Run& replay) {
  if (device.vendor->warm || device.driver.simulated_image) return;
  device.vendor->warm = true;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::milliseconds(200);
  while (Clock::now() < until) {
    for (int k = 0; k < 20; ++k) replay();
    device.synchronize("a trial");
  }
}

}  // namespace

size_t TrialMemory::place(uint32_t alignment, int64_t bytes) {
  const size_t at = (bytes_ + 2 * kAround + 127) / 128 * 128 + alignment;
  bytes_ = at + size_t(bytes);
  return at;
}

size_t TrialMemory::room(size_t bytes) {
  const size_t at = (bytes_ + 2 * kAround) / kWorkspaceAlignment * kWorkspaceAlignment + kWorkspaceAlignment;
  bytes_ = at + bytes;
  return at;
}

bool TrialMemory::take(Device& device) {
  std::unique_ptr<DeviceMemory>& memory = device.vendor->trial_memory;
  const size_t wanted = bytes_ + kAround;
  if (!memory || memory->bytes < wanted) {
    memory.reset();
    if (wanted + kSpare > device.room()) return false;
    try {
      memory = std::make_unique<DeviceMemory>(device, wanted);
    } catch (const Failure& e) {
      if (e.status != EASEL_OUT_OF_MEMORY) throw;
      return false;
    }
  }
  base_ = memory->data;
  return true;
}

void fill_for_trial(Device& device, char* at, int32_t dtype, int64_t count, uint32_t seed, int64_t ld,
                    int64_t width) {
  const int64_t row = ld ? ld : 1, n = std::min((kPattern / row | 1) * row, count),
                bytes = dtype_bytes(dtype);
  std::vector<float> values(static_cast<size_t>(n));
  uint32_t state = seed * 2654435761u + 1;
  for (int64_t k = 0; k < n; ++k) {
    state = state * 1664525u + 1013904223u;
    values[size_t(k)] = ld && k % ld >= width ? 0.f : float(int32_t(state)) * 0x1p-31f;
  }
  std::vector<char> pattern(size_t(n * bytes));
  convert(pattern.data(), reinterpret_cast<const char*>(values.data()), n, EASEL_F32, dtype);
  device.upload(at, pattern.data(), pattern.size());
  for (int64_t done = n; done < count;) {
    const int64_t more = std::min(done, count - done);
    device.check(device.driver.copy_on_device(address(at + done * bytes), address(at), size_t(more * bytes),
                                              device.stream),
                 "cuMemcpyDtoDAsync");
    done += more;
  }
}

namespace {

class Trial {
 public:
  Trial(Device& device, const std::vector<TrialResult>& results) : device_(device), results_(results) {}

  // What `run` makes of the results, and of what lies around them.
  std::vector<std::vector<char>> outcome(const Run& run) const {
    for (const TrialResult& r : results_)
      fill_for_trial(device_, r.at - kAround, r.dtype, r.count + int64_t(2 * kAround) / dtype_bytes(r.dtype),
                     5);
    run();
    device_.synchronize("a trial");
    std::vector<std::vector<char>> bytes;
    for (const TrialResult& r : results_)
      bytes.push_back(
          sample(device_, r.at - kAround, (r.count * dtype_bytes(r.dtype) + 2 * int64_t(kAround)) / 4 * 4));
    return bytes;
  }
  std::string difference(const std::vector<std::vector<char>>& theirs,
                         const std::vector<std::vector<char>>& ours) const {
    std::string text;
    for (size_t k = 0; k < results_.size() && text.empty(); ++k)
      text = easel::difference(theirs[k], ours[k], results_[k]);
    return text;
  }

 private:
  Device& device_;
  const std::vector<TrialResult>& results_;
};

}  // namespace

Verdict try_ways(Device& device, const std::vector<Way>& ways, const std::vector<TrialResult>& results) {
  if (device.driver.simulated_expect) device.driver.simulated_expect(nullptr, 0);
  const Trial trial(device, results);
  Verdict verdict;
  const auto refuse = [&](const std::string& name, const std::string& reason) {
    if (verdict.refused) return;
    verdict.refused = true;
    verdict.text = name + ": " + reason;
  };
  const auto ours = trial.outcome(ways[0].run);
  if (const std::string why = trial.difference(ours, ours); !why.empty()) {
    refuse(ways[0].name, why);
    return verdict;
  }
  Clock clock(device);
  double least = 0;
  std::string measured;
  for (size_t k = 0; k < ways.size(); ++k) {
    try {
      std::string why = k ? trial.difference(trial.outcome(ways[k].run), ours) : "";
      Captured graph(device, ways[k].run);
      const Run replay = [&] { graph.launch(); };
      if (k && why.empty()) why = trial.difference(trial.outcome(replay), ours);
      if (!why.empty()) {
        refuse(ways[k].name, why);
        continue;
      }
      warm_up(device, replay);
      const double took = seconds(device, clock, ways[k].run, replay);
      char text[80];
      snprintf(text, sizeof text, "%s%s %.1f us", k ? ", " : "", ways[k].name.c_str(), took * 1e6);
      measured += text;
      if (k > 0 && took >= least) continue;
      least = took;
      verdict.best = int(k);
    } catch (const Failure& e) {
      if (!device.lost.empty() && k > 0) throw LostInTrial(e.status, e.what());
      if (!device.lost.empty() || k == 0) throw;
      refuse(ways[k].name, e.what());
    }
  }
  if (verdict.refused && verdict.best == 0) return verdict;
  verdict.refused = false;
  verdict.text = measured;
  return verdict;
}

}  // namespace easel
