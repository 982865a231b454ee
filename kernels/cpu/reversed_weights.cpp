// The kernels of a convolution as its input gradient reads them: channel axes swapped, both kernel axes
// reversed. Made anew in each run, straight from one packed layout into another: a second copy of every 3x3
// kernel of SD1.5's U-Net would keep 0.9 GB in bf16, making it takes 4 % of a training step.
#include <array>

#include "onednn.h"

namespace easel {
namespace {

using dnnl::memory;

// Where the elements of one layout lie: the sum of one offset an axis. True of every layout that oneDNN
// blocks, however often it blocks an axis.
using Offsets = std::array<std::vector<int64_t>, 4>;

Offsets offsets(const Instruction& i, const memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
  i.require(d.format_kind == dnnl_blocked && d.ndims == 4, "oneDNN wants its weights in an unknown layout");
  const auto& blocking = d.format_desc.blocking;
  Offsets result;
  for (int axis = 0; axis < 4; ++axis) {
    for (int64_t x = 0; x < d.dims[axis]; ++x) {
      int64_t outer = x, offset = d.offset0, stride = 1;
      if (axis) offset = 0;
      for (int b = blocking.inner_nblks - 1; b >= 0; --b) {
        if (blocking.inner_idxs[b] == axis) {
          offset += outer % blocking.inner_blks[b] * stride;
          outer /= blocking.inner_blks[b];
        }
        stride *= blocking.inner_blks[b];
      }
      result[axis].push_back(offset + outer * blocking.strides[axis]);
    }
  }
  return result;
}

// Both layouts of one reversal, and what makes it fast: 32-bit words that lie side by side along o before and
// along i after, `run` of them. A word is one f32, or two bf16 that are neighbours along i before and along o
// after.
struct Layouts {
  Offsets from, to;  // (O, I, KH, KW) and (I, O, KH, KW)
  int64_t run = 0;   // 0: element by element
  bool padded;       // the new layout holds more than the elements
};

int64_t run_of(const std::vector<int64_t>& words, int64_t step, const std::vector<int64_t>& halves) {
  if (step == 2)
    for (size_t x = 0; x < halves.size(); x += 2)
      if (x + 1 == halves.size() || halves[x + 1] != halves[x] + 1) return 0;
  int64_t run = 64;
  for (int64_t x = 1; x < int64_t(words.size()); ++x)
    while (run > 4 && x % run && words[x] != words[x - 1] + step) run /= 2;
  return run > 4 ? run : 0;
}

Layouts layouts(const Instruction& i, const memory::desc& from, const memory::desc& to, bool same_type) {
  const size_t element = from.data.data_type == dnnl_bf16 ? 2 : 4;
  Layouts l{offsets(i, from), offsets(i, to), 0, false};
  const int64_t step = 4 / int64_t(element);
  if (same_type) l.run = std::min(run_of(l.from[0], step, l.from[1]), run_of(l.to[0], step, l.to[1]));
  l.padded = size_t(i.in(1).count()) * element < to.get_size();
  return l;
}

// One tile of words at one kernel position, by way of a buffer whose rows are not apart by a power of two:
// to and from point at the position.
template <int kRun>
void tile_of_words(float* to, const float* from, const Layouts& l, int64_t o, int64_t c) {
  alignas(64) float buffer[kRun][kRun + 16];
  for (int i = 0; i < kRun; ++i)
    memcpy(buffer[i], from + l.from[0][o] + l.from[1][c + i], sizeof(float) * kRun);
  for (int k = 0; k < kRun; ++k) {
    float* y = to + l.to[0][c] + l.to[1][o + k];
    for (int i = 0; i < kRun; ++i) y[i] = buffer[i][k];
  }
}

template <int kRun>
void tile_of_words(bf16* to, const bf16* from, const Layouts& l, int64_t o, int64_t c) {
  alignas(64) uint32_t buffer[kRun / 2][kRun + 16];
  for (int m = 0; m < kRun / 2; ++m)
    memcpy(buffer[m], from + l.from[0][o] + l.from[1][c + 2 * m], sizeof(uint32_t) * kRun);
  for (int k = 0; k < kRun; k += 2) {
    bf16* y = to + l.to[0][c] + l.to[1][o + k];
    for (int m = 0; m < kRun / 2; ++m) {
      const uint32_t a = buffer[m][k], b = buffer[m][k + 1];
      const uint32_t words[2] = {(a & 0xffff) | b << 16, a >> 16 | (b & 0xffff0000)};
      memcpy(y + 4 * m, words, sizeof words);
    }
  }
}

// to[i, o, reversed position] = from[o, i, position]; kRun 0: element by element.
template <int kRun, typename D, typename S>
void reverse(D* to, const S* from, const Layouts& l) {
  constexpr int64_t kTile = kRun ? kRun : 64;
  const int64_t O = int64_t(l.from[0].size()), I = int64_t(l.from[1].size()), KH = int64_t(l.from[2].size()),
                KW = int64_t(l.from[3].size());
  const int64_t across = (O + kTile - 1) / kTile, tiles = across * ((I + kTile - 1) / kTile);
  parallel_for(tiles, (1 << 14) / (kTile * kTile * KH * KW) + 1, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t o = n % across * kTile, c = n / across * kTile;
      const int64_t next_o = std::min(o + kTile, O), next_c = std::min(c + kTile, I);
      for (int64_t h = 0; h < KH; ++h)
        for (int64_t w = 0; w < KW; ++w) {
          D* y = to + l.to[2][KH - 1 - h] + l.to[3][KW - 1 - w];
          const S* x = from + l.from[2][h] + l.from[3][w];
          if constexpr (kRun > 0)
            if (next_o == o + kTile && next_c == c + kTile) {
              tile_of_words<kRun>(y, x, l, o, c);
              continue;
            }
          for (int64_t k = o; k < next_o; ++k)
            for (int64_t i = c; i < next_c; ++i)
              y[l.to[0][i] + l.to[1][k]] = from_float<D>(to_float(x[l.from[0][k] + l.from[1][i]]));
        }
    }
  });
}

template <typename D, typename S>
Run reverse(const Place& to, const Place& from, Layouts layouts, size_t bytes) {
  return [=, l = std::move(layouts)] {
    D* y = reinterpret_cast<D*>(to.get());
    const S* x = reinterpret_cast<const S*>(from.get());
    if (l.padded) memset(to.get(), 0, bytes);
    if constexpr (std::is_same_v<D, S>) switch (l.run) {
        case 64:
          return reverse<64>(y, x, l);
        case 32:
          return reverse<32>(y, x, l);
        case 16:
          return reverse<16>(y, x, l);
        case 8:
          return reverse<8>(y, x, l);
      }
    reverse<0>(y, x, l);
  };
}

}  // namespace

inline namespace EASEL_ISA {

Place reversed_weights(const Instruction& i, const Tensor& w, const memory::desc& wanted, Sequence& steps) {
  const bool half = wanted.data.data_type == dnnl_bf16;  // else f32, of whatever w is
  const size_t bytes = wanted.get_size();
  const Place to{nullptr, i.scratch(bytes)};
  const memory::desc plain({w.dims[0], w.dims[1], w.dims[2], w.dims[3]},
                           memory::data_type(wanted.data.data_type), memory::format_tag::oihw);
  // Read from what the forward convolution packed, so that the plain bytes may stay away.
  if (const auto [copy, layout] = find_packed(i, w, plain); copy) {
    i.program().packed.push_back(copy);
    i.program().reads_packed.push_back(w.buffer_id);
    const Place from{copy->data, {}};
    Layouts l = layouts(i, layout, wanted, true);
    steps.add(half ? reverse<bf16, bf16>(to, from, std::move(l), bytes)
                   : reverse<float, float>(to, from, std::move(l), bytes));
    return to;
  }
  const Place from{w.data, {}};
  steps.add(dispatch(i, w.dtype, [&](auto stored) -> Run {
    using S = typename decltype(stored)::type;
    Layouts l = layouts(i, plain, wanted, half == std::is_same_v<S, bf16>);
    if constexpr (std::is_same_v<S, bf16>)
      if (half) return reverse<bf16, bf16>(to, from, std::move(l), bytes);
    return reverse<float, S>(to, from, std::move(l), bytes);
  }));
  return to;
}

}  // namespace EASEL_ISA
}  // namespace easel
