#include "choose.h"

namespace easel {

TensorMap encode(Device& device, const MapSpec& s, const char* data) {
  constexpr int kF16 = 6, kBf16 = 9, kSwizzle32 = 1, kSwizzle64 = 2, kSwizzle128 = 3, kPromote128 = 2;
  const int type = s.dtype == EASEL_F16 ? kF16 : kBf16;
  const CUdeviceptr at = reinterpret_cast<CUdeviceptr>(data);
  const uint32_t rank = uint32_t(s.sides.size());
  std::vector<uint64_t> bytes;
  for (const uint64_t step : s.steps) bytes.push_back(step * 2);
  std::vector<uint32_t> strides(rank, 1);
  TensorMap map;
  if (s.lower.empty()) {
    const int swizzle = s.box[0] == 64 ? kSwizzle128 : s.box[0] == 32 ? kSwizzle64 : kSwizzle32;
    device.check(device.driver.map_tiled(&map, type, rank, at, s.sides.data(), bytes.data(), s.box.data(),
                                         strides.data(), 0, swizzle, kPromote128, 0),
                 "cuTensorMapEncodeTiled");
  } else {
    strides[1] = strides[2] = s.stride;
    device.check(device.driver.map_pixels(&map, type, rank, at, s.sides.data(), bytes.data(), s.lower.data(),
                                          s.upper.data(), uint32_t(kHopperDepth), uint32_t(kHopperRows),
                                          strides.data(), 0, kSwizzle128, kPromote128, 0),
                 "cuTensorMapEncodeIm2col");
  }
  return map;
}

Chosen hopper_way(const Instruction& i, Question q,
                  const std::function<std::shared_ptr<HopperWays>()>& make) {
  if (i.device().hopper == Hopper::kAlways) {
    const std::shared_ptr<HopperWays> ways = make();
    return {ways, ways->best()};
  }
  q.theirs = "hopper";
  q.ask = [&](int) { return make(); };
  return chosen_way(i, q);
}

}  // namespace easel
