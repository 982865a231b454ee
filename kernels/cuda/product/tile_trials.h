// EASEL_CUDA_BLOCKS=tried: sizes of blocks are tried against each other, as a library's ways are, and what
// was fastest on this card is taken and remembered in place of what the model of product_plan.cpp says.
#pragma once
#include "../vendor/choose.h"
#include "product_plan.h"

namespace easel {

// A computation by our kernels with blocks of such a size.
struct Tiled {
  std::function<size_t(const Tiling&)> part_bytes;  // what parts of K take
  std::function<Run(const Tiling&, const Places& at, const Address& parts)> run;
};

// The size to take of `tilings`, which the model sorted; the first where nothing is tried. question() tells
// what is computed, but for who does.
Tiling tried_tiling(const Instruction& i, const std::vector<Tiling>& tilings, const Tiled& tiled,
                    const std::function<Question()>& question);

}  // namespace easel
