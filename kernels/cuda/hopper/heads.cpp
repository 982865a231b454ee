#include "heads.h"

#include <algorithm>

namespace easel {

int compiled_width(int64_t width) {
  for (const int compiled : {48, 64, 80, 128, 160})
    if (width <= compiled) return compiled;
  return 0;
}

bool copies_heads(const AttentionPlan& p, const Places& at) {
  return p.flash_width() && p.heads.width % 8 == 0 && std::max(p.heads.queries, p.heads.keys) < 1 << 30 &&
         std::all_of(at.begin(), at.end(), [](const Address& a) { return a.aligned(); });
}

HeadMaps head_maps(Device& device, const AttentionPlan& p, int64_t count, int rows, const Address& at) {
  const Heads& h = p.heads;
  const auto sizes = [](auto... n) { return std::vector<uint64_t>{uint64_t(n)...}; };
  MapSpec spec{p.dtype,
               sizes(h.width, count, h.heads, p.batch),
               sizes(h.row, h.width, count * h.row),
               {64, uint32_t(rows), 1, 1},
               {},
               {}};
  HeadMaps maps;
  maps.boxes = maps.tail = encode(device, spec, at.get());
  spec.box[0] = uint32_t(head_tail(compiled_width(h.width)));
  if (spec.box[0]) maps.tail = encode(device, spec, at.get());
  return maps;
}

}  // namespace easel
