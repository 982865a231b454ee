// chain(code, operands…): the code is checked on the host and run by the kernel.
#include "../../executor/shapes/chain.h"

#include "../kernel.h"
#include "chain.h"

namespace easel {

Run prepare_chain(const Instruction& i) {
  const Tensor& code = chain_words(i);
  const std::vector<int32_t> words = host_words(i, code);
  const Chain chain = chain_code(i, words.data(), int64_t(words.size()));
  if (!chain.lanes) return nothing();
  ChainArrays arrays{};
  for (int k = 0; k < chain.arrays; ++k)
    arrays.data[k] = chain.array[k].data, arrays.dtype[k] = chain.array[k].dtype,
    arrays.times[k] = chain.lanes / std::max<int64_t>(1, chain.array[k].count());
  const int64_t parts = (chain.lanes + kChainPart - 1) / kChainPart;
  const int32_t first_sum = i.outputs() - chain.sums;
  const Scratch partial = i.scratch(size_t(parts) * size_t(chain.sums) * sizeof(float));
  const size_t shared = kChainHead + size_t(chain.registers) * kChainThreads * kChainLanes * sizeof(float);
  const Run body = launch(
      i, "chain", {.grid = {std::min<int64_t>(parts, 65535)}, .threads = kChainThreads, .shared = shared},
      code.data, int32_t(words.size()), arrays, chain.lanes, first_sum, chain.sums, partial);
  if (!chain.sums) return body;
  return sequence({body, launch(i, "chain_total", {.grid = {chain.sums}, .shared = 32 * sizeof(double)},
                                partial, parts, chain.sums, arrays, first_sum)});
}

}  // namespace easel
