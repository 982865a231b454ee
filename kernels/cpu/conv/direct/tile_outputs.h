// What is done beside the products of tiles (amx_tiles.h): finished sums are rounded and written, and memory
// is asked for.
#pragma once
#include "../../vectors/streams.h"
#include "amx_tiles.h"

#if defined(__AVX512BW__)
namespace easel {
inline namespace EASEL_ISA {
namespace amx_conv {

// Sums of a panel that are finished, a row of a pixel's each.
class Outputs {
 public:
  // Past the caches: see streams.h.
  Outputs(bf16* y, const bf16* bias, const bf16* residual, int64_t channels, bool past)
      : y_(y), bias_(bias), residual_(residual), channels_(channels), past_(past) {}

  // The next ones, of so many pixels of y; none is negative. Those before must be written.
  void add(const float* sums, const int64_t* pixels, int64_t many, int64_t channel) {
    sums_ = sums, pixels_ = pixels, left_ = many, channel_ = channel;
    for (int v = 0; bias_ && v < 2; ++v) added_[v] = vectors::Brains::read(bias_ + channel + v * kLanes);
  }

  int64_t left() const { return left_; }

  void write(int64_t rows) {
    for (int64_t n = std::min(rows, left_); n > 0; --n, --left_, ++pixels_, sums_ += kPanel)
      if (*pixels_ >= 0) write_row();
  }

 private:
  void write_row() const {
    using vectors::Brains;
    const int64_t to = *pixels_ * channels_ + channel_;
    vectors::Vec low = vectors::load(sums_) + added_[0], high = vectors::load(sums_ + kLanes) + added_[1];
    if (residual_) low += Brains::read(residual_ + to), high += Brains::read(residual_ + to + kLanes);
    const auto numbers = attention_detail::narrowed(low, high);
    if (past_)
      vectors::copy_past(y_ + to, &numbers, sizeof numbers);
    else
      memcpy(y_ + to, &numbers, sizeof numbers);
  }

  bf16* y_;
  const bf16 *bias_, *residual_;
  int64_t channels_;
  bool past_;
  vectors::Vec added_[2] = {};
  const float* sums_ = nullptr;
  const int64_t* pixels_ = nullptr;
  int64_t left_ = 0, channel_ = 0;
};

// Memory that is wanted later: chunks that lie so many bytes apart, each of groups of blocks, of which some
// are wanted. It is asked for in the order in which it lies where that is all, which lets the processor fetch
// ahead by itself.
class Wanted {
 public:
  struct Group {
    int64_t lines, blocks;  // of a block; of the group
    const int64_t* wanted;  // which, or all
    int64_t many;
  };
  Wanted() = default;
  Wanted(const void* from, int64_t chunks, int64_t apart, int64_t groups, const Group& group)
      : from_(static_cast<const char*>(from)),
        chunks_(group.many ? chunks : 0),
        apart_(apart),
        blocks_(groups * group.many),
        group_(group) {
    if (chunks_) begin();
  }
  int64_t lines() const { return group_.lines * blocks_ * chunks_; }

  void ask(int64_t lines) {
    for (; lines > 0 && left_; --lines) {
      __builtin_prefetch(at_, 0, 2);
      at_ += kLine;
      if (!--left_) next();
    }
  }

 private:
  static constexpr int64_t kLine = 64;

  void begin() {
    const int64_t in = block_ % group_.many;
    at_ = from_ + (block_ / group_.many * group_.blocks + (group_.wanted ? group_.wanted[in] : in)) *
                      group_.lines * kLine;
    left_ = group_.lines;
  }
  void next() {
    if (++block_ == blocks_) {
      block_ = 0, from_ += apart_;
      if (!--chunks_) return;
    }
    begin();
  }

  const char *from_ = nullptr, *at_ = nullptr;
  int64_t chunks_ = 0, apart_ = 0, blocks_ = 0, block_ = 0, left_ = 0;
  Group group_{};
};

}  // namespace amx_conv
}  // namespace EASEL_ISA
}  // namespace easel
#endif
