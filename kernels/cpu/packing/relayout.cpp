// See relayout.h.
#include "relayout.h"

#include <cstring>
#ifdef __AVX512BW__
#include <immintrin.h>

#include "pair_blocks.h"
#endif

namespace easel {
namespace {

// From how many bytes on a copy is not kept in the caches.
[[maybe_unused]] constexpr size_t kPastCaches = 4 << 20;

// Of how many elements, `step` apart, each run of an axis consists; pairs: the other axis, whose elements
// must lie two by two.
int64_t run_of(const std::vector<int64_t>& words, int64_t step, const std::vector<int64_t>& pairs) {
  if (step == 2)
    for (size_t x = 0; x < pairs.size(); x += 2)
      if (x + 1 == pairs.size() || pairs[x + 1] != pairs[x] + 1) return 0;
  int64_t run = 64;
  for (int64_t x = 1; x < int64_t(words.size()); ++x)
    while (run > 4 && x % run && words[x] != words[x - 1] + step) run /= 2;
  return run > 4 ? run : 0;
}

template <typename D, typename S>
D converted(S x) {
  if constexpr (std::is_same_v<D, S>)
    return x;
  else
    return from_float<D>(to_float(x));
}

#ifdef __AVX512BW__
// Past the caches, or it would be read before it is written and push out what a product reads next.
void store(bf16* to, Words x, bool past) {
  if (past && uintptr_t(to) % sizeof x == 0)
    _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i>(x));
  else
    memcpy(to, &x, sizeof x);
}
#endif

}  // namespace

inline namespace EASEL_ISA {

bool Relayout::possible(const dnnl::memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
  return d.format_kind == dnnl_blocked && d.ndims == 4 && !d.extra.flags &&
         (d.data_type == dnnl_f32 || d.data_type == dnnl_bf16 || d.data_type == dnnl_f16);
}

Relayout::Offsets Relayout::offsets(const dnnl::memory::desc& desc) {
  const dnnl_memory_desc_t& d = desc.data;
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

Relayout::Relayout(const dnnl::memory::desc& from, const dnnl::memory::desc& to, bool reversed)
    : from_(offsets(from)),
      to_(offsets(to)),
      from_type_(from.data.data_type),
      to_type_(to.data.data_type),
      bytes_(to.get_size()) {
  if (reversed) {
    std::swap(to_[0], to_[1]);
    std::reverse(to_[2].begin(), to_[2].end());
    std::reverse(to_[3].begin(), to_[3].end());
  }
  const auto run = [&](int64_t step) {
    return std::min(run_of(from_[0], step, from_[1]), run_of(to_[1], step, to_[0]));
  };
  run_ = run(1);
  if (!run_ && from_type_ == dnnl_bf16 && to_type_ == dnnl_bf16) {
    run_ = run(2);
    pairs_ = run_ > 0;
  }
  size_t elements = 1;
  for (const auto& axis : from_) elements *= axis.size();
  padded_ = elements * (to_type_ == dnnl_f32 ? 4 : 2) < bytes_;
}

// One tile at one kernel position, by way of a buffer whose rows are not apart by a power of two: to and from
// point at the position.
template <int kRun, typename D, typename S>
void Relayout::tile(D* to, const S* from, int64_t o, int64_t c) const {
  alignas(64) D buffer[kRun][kRun + 16];
  for (int i = 0; i < kRun; ++i) {
    const S* x = from + from_[0][o] + from_[1][c + i];
#pragma omp simd
    for (int k = 0; k < kRun; ++k) buffer[i][k] = converted<D>(x[k]);
  }
  for (int k = 0; k < kRun; ++k) {
    D* y = to + to_[1][c] + to_[0][o + k];
    for (int i = 0; i < kRun; ++i) y[i] = buffer[i][k];
  }
}

template <int kRun>
void Relayout::tile_of_pairs(bf16* to, const bf16* from, int64_t o, int64_t c) const {
#ifdef __AVX512BW__
  if constexpr (kRun % 16 == 0) {
    const bool past = bytes_ >= kPastCaches;
    for (int k = 0; k < kRun; k += 16) {
      for (int m = 0; m < kRun; m += 16) {
        PairRows rows;
        for (int j = 0; j < 8; ++j)
          memcpy(&rows[j], from + from_[0][o + k] + from_[1][c + m + 2 * j], sizeof(Words));
        turn_pairs(rows);
        for (int j = 0; j < 8; ++j) store(to + to_[1][c + m] + to_[0][o + k + 2 * j], rows[j], past);
      }
    }
    return;
  }
#endif
  alignas(64) uint32_t buffer[kRun / 2][kRun + 16];
  for (int m = 0; m < kRun / 2; ++m)
    memcpy(buffer[m], from + from_[0][o] + from_[1][c + 2 * m], sizeof(uint32_t) * kRun);
  for (int k = 0; k < kRun; k += 2) {
    bf16* y = to + to_[1][c] + to_[0][o + k];
    for (int m = 0; m < kRun / 2; ++m) {
      const uint32_t a = buffer[m][k], b = buffer[m][k + 1];
      const uint32_t words[2] = {(a & 0xffff) | b << 16, a >> 16 | (b & 0xffff0000)};
      memcpy(y + 4 * m, words, sizeof words);
    }
  }
}

template <int kRun, typename D, typename S>
void Relayout::run_by(D* to, const S* from) const {
  constexpr int64_t kTile = kRun ? kRun : 64;
  const int64_t O = int64_t(from_[0].size()), I = int64_t(from_[1].size()), KH = int64_t(from_[2].size()),
                KW = int64_t(from_[3].size());
  const int64_t across = (O + kTile - 1) / kTile, down = (I + kTile - 1) / kTile;
  const auto at = [&](int64_t o, int64_t c, int64_t h, int64_t w) {
    const int64_t next_o = std::min(o + kTile, O), next_c = std::min(c + kTile, I);
    D* y = to + to_[2][h] + to_[3][w];
    const S* x = from + from_[2][h] + from_[3][w];
    if constexpr (kRun > 0)
      if (next_o == o + kTile && next_c == c + kTile) {
        if constexpr (std::is_same_v<D, bf16> && std::is_same_v<S, bf16>)
          if (pairs_) return tile_of_pairs<kRun>(y, x, o, c);
        return tile<kRun>(y, x, o, c);
      }
    for (int64_t k = o; k < next_o; ++k)
      for (int64_t i = c; i < next_c; ++i)
        y[to_[0][k] + to_[1][i]] = converted<D>(x[from_[0][k] + from_[1][i]]);
  };
  // In the order in which they lie in `from`, which is (O, I, KH, KW), or blocks of O by (KH, KW, I).
  const bool along = from_[3].back() > from_[1].back();
  parallel_for(along ? across * KH * KW : across * down,
               (1 << 14) / (kTile * kTile * (along ? down : KH * KW)) + 1, [&](int64_t begin, int64_t end) {
                 for (int64_t n = begin; n < end; ++n) {
                   if (along)
                     for (int64_t c = 0; c < I; c += kTile) at(n / (KH * KW) * kTile, c, n / KW % KH, n % KW);
                   else
                     for (int64_t p = 0; p < KH * KW; ++p)
                       at(n % across * kTile, n / across * kTile, p / KW, p % KW);
                 }
#ifdef __AVX512BW__
                 _mm_sfence();
#endif
               });
}

template <typename D, typename S>
void Relayout::run(D* to, const S* from) const {
  switch (run_) {
    case 64:
      return run_by<64>(to, from);
    case 32:
      return run_by<32>(to, from);
    case 16:
      return run_by<16>(to, from);
    case 8:
      return run_by<8>(to, from);
  }
  run_by<0>(to, from);
}

void Relayout::run(char* to, const char* from) const {
  if (padded_) memset(to, 0, bytes_);
  const auto halves = [&](auto type) {
    using S = typename decltype(type)::type;
    const S* x = reinterpret_cast<const S*>(from);
    return to_type_ == dnnl_f32 ? run(reinterpret_cast<float*>(to), x) : run(reinterpret_cast<S*>(to), x);
  };
  if (from_type_ == dnnl_bf16) return halves(Type<bf16>());
  if (from_type_ == dnnl_f16) return halves(Type<f16>());
  run(reinterpret_cast<float*>(to), reinterpret_cast<const float*>(from));
}

}  // namespace EASEL_ISA
}  // namespace easel
