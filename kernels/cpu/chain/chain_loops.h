// A chain's steps over lanes, one function a step: how chains are interpreted.
#pragma once
#include <cstdint>

namespace easel {
inline namespace EASEL_ISA {

// One step over n lanes. A null pointer among a, b, c stands for the number beside it.
struct Source {
  const float* lanes;
  float one;
};
using Loop = void (*)(float* y, const Source& a, const Source& b, const Source& c, int64_t n);

// The work of a step that computes (CHAIN_SELECT and those behind it).
Loop loop_of(int op);

}  // namespace EASEL_ISA
}  // namespace easel
