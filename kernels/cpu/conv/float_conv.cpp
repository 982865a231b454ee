// See float_conv.h. Places of a sum are taps by channels: of a depth's channels those under the first tap,
// then those under the second. So a row is copied by runs of channels.
#include "float_conv.h"

#include "../product/float_blocks.h"
#include "weight_offsets.h"

namespace easel {
inline namespace EASEL_ISA {
namespace {

using namespace float_blocks;

constexpr int64_t kUnit = 16;      // channels that are not parted
constexpr int64_t kMostTaps = 49;  // whose weights are turned together

template <typename T>
class Pixels {
 public:
  explicit Pixels(const FloatOperands& c) : g_(c.g), c_(c), w_(Relayout::offsets(c.layout), c.reversed) {
    const auto [low, high] = std::minmax(w_.taps.front(), w_.taps.back());
    lowest_ = low;
    end_ = w_.outputs.back() + w_.inputs.back() + high + 1;
    side_by_side_ = even(w_.taps, 0, g_.taps(), c_.reversed ? -1 : 1);
  }

  Group rows(float* room, Rows rows, Range depth) const {
    const int64_t line = copied_line(depth.many * g_.taps());
    for (int64_t r = 0; r < rows.many; ++r) {
      const int64_t pixel = rows.from + r, column = pixel % g_.width, row = pixel / g_.width % g_.height,
                    picture = pixel / (g_.width * g_.height);
      float* to = room + r * line;
      for (int64_t k = 0; k < g_.KH; ++k)
        for (int64_t l = 0; l < g_.KW; ++l, to += depth.many) {
          const int64_t down = row * g_.stride + k - g_.top, across = column * g_.stride + l - g_.left;
          const bool inside = down >= 0 && down < g_.H && across >= 0 && across < g_.W;
          if (inside)
            copy_line(to, at(c_.x) + ((picture * g_.H + down) * g_.W + across) * g_.I + depth.from,
                      depth.many);
          else
            std::fill(to, to + depth.many, 0.f);
        }
    }
    return {room, line, false};
  }

  int64_t width(int64_t panel) const { return std::min<int64_t>(kPanel, g_.O - panel * kPanel); }

  void columns(float* to, int64_t, int64_t panel, Range depth) const {
    const int64_t step = width(panel) > kLanes ? kPanel : kLanes;
    for (int64_t lane = 0; lane < step; lane += kLanes)
      for (int64_t c = 0; c < depth.many; c += kLanes)
        pack_block({to + c * step + lane, step, depth.many * step}, panel * kPanel + lane, depth.from + c,
                   std::min<int64_t>(kLanes, depth.many - c));
  }

  void finish(const float* sums, Rows rows, int64_t panel) const {
    const int64_t first = panel * kPanel;
    for (int64_t r = 0; r < rows.many; ++r, sums += kPanel) {
      const int64_t y = (rows.from + r) * g_.O + first;
      finish_row<T>(at(c_.y) + y, sums, width(panel), c_.bias ? at(c_.bias) + first : nullptr,
                    c_.residual ? at(c_.residual) + y : nullptr, false);
    }
  }

  // The processor sees these rows coming by itself.
  Ahead rows_ahead(Rows, Range, int64_t) const { return {}; }
  Ahead columns_ahead(const Columns&, int64_t) const { return {}; }

 private:
  static T* at(char* place) { return reinterpret_cast<T*>(place); }
  const T* weight(int64_t o, int64_t c) const { return at(c_.w) + w_.outputs[o] + w_.inputs[c]; }
  // Whether n offsets from `first` on are `apart` from each other.
  static bool even(const std::vector<int64_t>& offsets, int64_t first, int64_t n, int64_t apart) {
    for (int64_t k = 1; k < n; ++k)
      if (offsets[size_t(first + k)] - offsets[size_t(first + k - 1)] != apart) return false;
    return true;
  }

  // Where a block of the columns goes: numbers of a channel `step` floats behind those of the one before, of
  // a tap `apart` behind those of the one before.
  struct Block {
    float* to;
    int64_t step, apart;
    float* at(int64_t channel, int64_t tap) const { return to + channel * step + tap * apart; }
  };

  // kLanes outputs under `many` channels, by the way they lie: outputs are neighbours (oneDNN's layouts), or
  // taps (the files'), or channels (oneDNN's, reversed), or nothing that is known.
  void pack_block(const Block& block, int64_t o, int64_t c, int64_t many) const {
    const int64_t outputs = std::min<int64_t>(kLanes, g_.O - o),
                  line = outputs > 1 ? w_.outputs[size_t(o + 1)] - w_.outputs[size_t(o)] : 0;
    const bool lined = even(w_.outputs, o, outputs, line);
    if (lined && line == 1 && outputs == kLanes) {
      for (int64_t k = 0; k < many; ++k)
        for (int64_t tap = 0; tap < g_.taps(); ++tap)
          store(block.at(k, tap), LanesOf<T>::read(weight(o, c + k) + w_.taps[size_t(tap)]));
    } else if (lined && g_.taps() <= kMostTaps && side_by_side_) {
      const bool all = even(w_.inputs, c, many, g_.taps());  // channels follow each other
      for (int64_t k = 0; k < many; k += all ? many : 1)
        pack_taps(block, weight(o, c + k) + lowest_, line, outputs, k, all ? many : 1);
    } else if (lined && even(w_.inputs, c, many, 1)) {
      alignas(64) float lines[(kLanes + 1) * kLanes];
      for (int64_t tap = 0; tap < g_.taps(); ++tap) {
        pack_lines(lines, kLanes, weight(o, c) + w_.taps[size_t(tap)], line, outputs, many);
        for (int64_t k = 0; k < many; ++k) store(block.at(k, tap), load(lines + k * kLanes));
      }
    } else {
      for (int64_t k = 0; k < many; ++k)
        for (int64_t tap = 0; tap < g_.taps(); ++tap)
          for (int64_t lane = 0; lane < kLanes; ++lane)
            block.at(k, tap)[lane] =
                lane < outputs ? to_float(weight(o + lane, c + k)[w_.taps[size_t(tap)]]) : 0.f;
    }
  }

  // Of channels that follow each other with all their taps; the first is k of the block.
  void pack_taps(const Block& block, const T* from, int64_t line, int64_t outputs, int64_t k,
                 int64_t many) const {
    alignas(64) float lines[(kMostTaps * kLanes + 2 * kLanes) * kLanes];
    const int64_t taps = g_.taps(), numbers = many * taps, whole = round_up(numbers, kLanes),
                  last = from - at(c_.w) + (outputs - 1) * line + whole;
    pack_lines(lines, kLanes, from, line, outputs, last <= end_ ? whole : numbers);
    for (int64_t n = 0; n < many; ++n)
      for (int64_t tap = 0; tap < taps; ++tap)
        store(block.at(k + n, c_.reversed ? taps - 1 - tap : tap), load(lines + (n * taps + tap) * kLanes));
  }

  Conv2dShape g_;
  FloatOperands c_;
  WeightOffsets w_;
  int64_t lowest_, end_;  // the first tap's offset; where the weights end
  bool side_by_side_;     // the taps are neighbours
};

}  // namespace

bool float_conv_pays(const Conv2dShape& g) {
  constexpr int64_t kLeastChannels = 16;  // with fewer most of a panel is empty, or a run of channels short
  return g.I >= kLeastChannels && g.O >= kLeastChannels && g.I * g.taps() > kDepth / 2;
}

Run float_conv(const Instruction& i, const FloatOperands& c) {
  return dispatch(i, i.out(0).dtype, [&](auto type) -> Run {
    using T = typename decltype(type)::type;
    const Conv2dShape& g = c.g;
    const Size size{1, g.N * g.height * g.width, ratio_up(g.O, kPanel), g.I, kUnit, g.taps()};
    return Blocks<Pixels<T>>(i, Pixels<T>(c), size);
  });
}

}  // namespace EASEL_ISA
}  // namespace easel
