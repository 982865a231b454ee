// Where a weight gradient's sums go, which are made tap by tap.
#pragma once
#include "../../product/gradient_tiles.h"
#include "../../vectors/nine_taps.h"

#if defined(__AVX512F__)
namespace easel {
inline namespace EASEL_ISA {
namespace weight_detail {

using namespace product_detail;

// dw (O, I, KH, KW): `rounded` is written, or `sums` written or added to.
class Gradient {
 public:
  bf16* rounded;
  float* sums;
  Goal goal;
  int64_t I, taps;

  Gradient(const Tensor& dw, const Conv2dShape& g, bool fresh)
      : rounded(dw.dtype == EASEL_BF16 ? dw.as<bf16>() : nullptr),
        sums(rounded ? nullptr : dw.as<float>()),
        goal(rounded ? Goal::kWritten : goal_of(sums, dw.count(), g.I * g.taps(), fresh)),
        I(g.I),
        taps(g.taps()) {}

  // Of outputs from o on and a panel of inputs: a row for each output, rows kPanel apart, taps `apart`.
  void lay(const float* from, int64_t apart, int64_t rows, int64_t o, int64_t panel) const;

 private:
  void lay_some(const float* from, int64_t apart, int64_t at, int64_t channels, int64_t some) const;
};

inline void Gradient::lay(const float* from, int64_t apart, int64_t rows, int64_t o, int64_t panel) const {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < 2; ++v) {
      const int64_t channel = panel * kPanel + v * kLanes, many = std::min<int64_t>(kLanes, I - channel);
      const int64_t at = ((o + r) * I + channel) * taps;
      const float* of = from + r * kPanel + v * kLanes;
      if (!sums || taps != 9 || many < kLanes) {
        for (int64_t tap = 0; tap < taps; tap += kLanes)
          lay_some(of + tap * apart, apart, at + tap, many, taps - tap);
        continue;
      }
      Vec nine[9], lie[9];
      for (int t = 0; t < 9; ++t) nine[t] = load(of + t * apart);
      nine_taps::lay(nine, lie);
      put_all(goal, [&](auto put) {
        for (int k = 0; k < 9; ++k) put(sums + at + k * kLanes, lie[k]);
      });
    }
  }
}

// Of so many channels, the first of which has its taps at `at`, and of so many taps, 16 at most.
inline void Gradient::lay_some(const float* from, int64_t apart, int64_t at, int64_t channels,
                               int64_t some) const {
  const auto mask = __mmask16(first(some)), added = goal == Goal::kAdded ? mask : __mmask16(0);
  Vec x[kLanes];
#pragma GCC unroll 16
  for (int64_t t = 0; t < kLanes; ++t) x[t] = t < some ? load(from + t * apart) : Vec{};
  attention_detail::transpose(x);
#pragma GCC unroll 16
  for (int64_t l = 0; l < kLanes; ++l) {
    if (l >= channels) continue;
    if (rounded) {
      _mm512_mask_storeu_epi16(rounded + at + l * taps, mask, (__m512i)narrowed(x[l], Vec{}));
    } else {
      float* to = sums + at + l * taps;
      _mm512_mask_storeu_ps(to, mask, (__m512)(x[l] + (Vec)_mm512_maskz_loadu_ps(added, to)));
    }
  }
}

}  // namespace weight_detail
}  // namespace EASEL_ISA
}  // namespace easel
#endif
