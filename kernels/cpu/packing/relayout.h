// Convolution weights copied from one of oneDNN's layouts into another.
#pragma once
#include <array>
#include <vector>

#include "../kernel.h"
#include "dnnl.hpp"

namespace easel {
inline namespace EASEL_ISA {

class Relayout {
 public:
  // Where the elements lie: the sum of one offset an axis of (O, I, KH, KW). True of every layout that oneDNN
  // blocks, however often it blocks an axis.
  using Offsets = std::array<std::vector<int64_t>, 4>;
  static Offsets offsets(const dnnl::memory::desc& desc);
  // to may have another type. Reversed: it is (I, O, KH, KW), both kernel axes in reverse, as the input
  // gradient reads them. Both must be possible().
  Relayout(const dnnl::memory::desc& from, const dnnl::memory::desc& to, bool reversed);
  // Whether it knows the layout: oneDNN's blocks, and 16 or 32 bits.
  static bool possible(const dnnl::memory::desc& desc);
  // Whether it is done by tiles; element by element it takes five times as long.
  bool by_tiles() const { return run_ > 0; }
  void run(char* to, const char* from) const;

 private:
  template <typename D, typename S>
  void run(D* to, const S* from) const;
  template <int kRun, typename D, typename S>
  void run_by(D* to, const S* from) const;
  template <int kRun, typename D, typename S>
  void tile(D* to, const S* from, int64_t o, int64_t i) const;
  template <int kRun>
  void tile_of_pairs(bf16* to, const bf16* from, int64_t o, int64_t i) const;

  Offsets from_, to_;
  dnnl_data_type_t from_type_, to_type_;
  size_t bytes_;
  // What makes it fast: words that lie side by side along o before and along i after, `run_` of them. A word
  // is one element, or two bf16 that are neighbours along i before and along o after.
  int64_t run_ = 0;  // 0: element by element
  bool pairs_ = false;
  bool padded_;  // the new layout holds more than the elements
};

}  // namespace EASEL_ISA
}  // namespace easel
