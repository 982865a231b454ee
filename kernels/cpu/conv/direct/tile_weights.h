// Weights of direct convolutions by tiles: blocks of a panel's outputs that lie as tiles read them, or that
// are made in a thread's own memory.
#pragma once
#include "tile_outputs.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace amx_conv {

struct TileWeights {
  bool reversed, plain;  // see direct.h
  const float* wide;     // plain ones in the place of w
  const bf16* w;
  int64_t I, O, taps;

  bool make() const { return reversed || plain; }
  int64_t panels() const { return O / kPanel; }
  int64_t steps() const { return I / kChannels; }

  // Packed blocks of a panel from a step of channels on. Reversed, as the forward convolution reads them:
  // blocks of this panel of its inputs and the panel of its outputs that is the step.
  const bf16* packed(int64_t panel, int64_t step) const {
    return w + (reversed ? step * panels() + panel : panel * steps() + step) * taps * kBlock;
  }

  // The memory of some panels' packed blocks at some steps, of which a gradient's phase reads its own taps.
  Wanted wanted(int64_t panel, int64_t panels, int64_t step, int64_t steps, const int64_t* tap,
                int64_t many) const {
    if (plain) return {};
    const Wanted::Group group{kBlock * int64_t(sizeof(bf16)) / 64, taps, many < taps ? tap : nullptr, many};
    const auto bytes = [](const bf16* from, const bf16* to) { return (to - from) * int64_t(sizeof(bf16)); };
    const bf16* const from = packed(panel, step);
    if (reversed) return {from, steps, bytes(from, packed(panel, step + 1)), panels, group};
    return {from, panels, bytes(from, packed(panel + 1, step)), steps, group};
  }

  // One block of a reversed convolution.
  void turn(bf16* to, int64_t panel, int64_t step, int64_t tap) const {
    direct_detail::turn_block(to, packed(panel, step) + tap * kBlock);
  }

  // Blocks of those taps at steps [from, from + steps) from plain ones. Behind them is room for all taps of a
  // step.
  void pack(bf16* to, const int64_t* tap, int64_t many, int64_t panel, int64_t from, int64_t steps) const {
    bf16* const spare = to + steps * many * kBlock;
    for (int64_t step = from; step < from + steps; ++step, to += many * kBlock) {
      if (!reversed) {
        pack_step(to, panel * kPanel * I + step * kChannels, I, kChannels);
        continue;
      }
      if (wide && taps == 9 && many == 9) {
        direct_detail::turn_nine(to, tap, wide + (step * kChannels * O + panel * kPanel) * 9, O * 9);
        continue;
      }
      pack_step(spare, step * kChannels * O + panel * kPanel, O, kChannels * O);
      for (int64_t t = 0; t < many; ++t) direct_detail::turn_block(to + t * kBlock, spare + tap[t] * kBlock);
    }
  }

 private:
  // From a place in the file's layout, outputs so many channels apart; the next one will be `ahead` further.
  void pack_step(bf16* to, int64_t at, int64_t channels, int64_t ahead) const {
    const int64_t line = channels * taps, next = ahead * taps;
    if (wide)
      direct_detail::pack_blocks(to, kBlock, wide + at * taps, line, taps, next);
    else
      direct_detail::pack_blocks(to, kBlock, w + at * taps, line, taps, next);
  }
};

}  // namespace amx_conv
}  // namespace EASEL_ISA
}  // namespace easel
#endif
