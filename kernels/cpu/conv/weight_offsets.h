// Where a convolution's weights lie, in whatever blocks.
#pragma once
#include "../packing/relayout.h"

namespace easel {
inline namespace EASEL_ISA {

// The sum of one offset an output, one an input and one a tap.
struct WeightOffsets {
  std::vector<int64_t> outputs, inputs, taps;
  // reversed: the weights are (inputs, outputs, KH, KW), both kernel axes in reverse, as an input gradient
  // reads them.
  WeightOffsets(const Relayout::Offsets& layout, bool reversed)
      : outputs(layout[reversed ? 1 : 0]), inputs(layout[reversed ? 0 : 1]) {
    for (const int64_t row : layout[2])
      for (const int64_t column : layout[3]) taps.push_back(row + column);
    if (reversed) std::reverse(taps.begin(), taps.end());
  }
};

}  // namespace EASEL_ISA
}  // namespace easel
