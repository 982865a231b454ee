// What attention and its gradient have in common on Hopper.
#pragma once
#include "choose.h"

namespace easel {

// Widths of heads as they are compiled; 0: none.
int compiled_width(int64_t width);

// Whether the copying unit reads heads of this kind.
bool copies_heads(const AttentionPlan& p, const Places& at);

// Maps of q, dy (by `count` queries) or k, v (keys), so many rows at a time.
HeadMaps head_maps(Device& device, const AttentionPlan& p, int64_t count, int rows, const Address& at);

}  // namespace easel
