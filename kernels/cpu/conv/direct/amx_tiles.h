// Tiles of direct convolutions: sums of 16 or 32 neighbouring pixels and kPanel outputs, which stay in tile
// registers over many taps and channels. Weights lie in blocks of kChannels inputs by kPanel outputs, 16 rows
// of words, as the processor reads them; pixels as in pictures.h.
#pragma once
#include "../../vectors/amx.h"
#include "direct_weights.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace amx_conv {

using amx::kTile;
using direct_detail::kBlock;
using direct_detail::kLanes;
using direct_detail::kPanel;
using direct_detail::kTaps;

constexpr int kChannels = 2 * kTile;                                // of a step
constexpr int64_t kPlaceBytes = kChannels * int64_t(sizeof(bf16));  // a pixel's numbers of a step
constexpr int64_t kSumsLine = kPanel * int64_t(sizeof(float));

// A stretch of a sum: at every tap of every one of so many steps of channels.
struct Stretch {
  int64_t steps, apart;  // from one step's pixels to the next one's, in bytes
  int64_t taps;
  const int64_t* offsets;  // of their pixels, in bytes
  bool fresh;              // sums begin at 0
  int64_t rounds() const { return steps * taps; }
};

// sums (P tiles of kTile rows, kPanel) = or += pixels, which begin at x, times weights. A round's products
// take 64 cycles, of which loading tiles fills half: beside(round) does something else meanwhile.
template <int P, typename Beside>
void multiply(float* sums, const char* const (&x)[2], const bf16* w, const Stretch& s, const Beside& beside) {
  float* const second = sums + kTile * kPanel;
  if (s.fresh) {
    amx::clear<0>();
    amx::clear<1>();
    if constexpr (P > 1) amx::clear<2>(), amx::clear<3>();
  } else {
    amx::load<0>(sums, kSumsLine);
    amx::load<1>(sums + kLanes, kSumsLine);
    if constexpr (P > 1) amx::load<2>(second, kSumsLine), amx::load<3>(second + kLanes, kSumsLine);
  }
  const char *a = x[0], *b = x[1];
  int64_t round = 0;
  for (int64_t step = 0; step < s.steps; ++step, a += s.apart, b += s.apart)
    for (int64_t tap = 0; tap < s.taps; ++tap, w += kBlock) {
      amx::load_past<4>(w, kSumsLine);  // pixels are wanted at the other taps and panels too
      amx::load<6>(a + s.offsets[tap], kPlaceBytes);
      amx::load_past<5>(w + kPanel, kSumsLine);
      if constexpr (P > 1) amx::load<7>(b + s.offsets[tap], kPlaceBytes);
      amx::multiply_add<0, 6, 4>();
      amx::multiply_add<1, 6, 5>();
      if constexpr (P > 1) amx::multiply_add<2, 7, 4>(), amx::multiply_add<3, 7, 5>();
      beside(round++);
    }
  amx::store<0>(sums, kSumsLine);
  amx::store<1>(sums + kLanes, kSumsLine);
  if constexpr (P > 1) amx::store<2>(second, kSumsLine), amx::store<3>(second + kLanes, kSumsLine);
}

}  // namespace amx_conv
}  // namespace EASEL_ISA
}  // namespace easel
#endif
