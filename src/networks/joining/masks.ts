/** The random masks of a LoRA's dropouts, drawn for every run in the order in which PyTorch's layers draw them. */

import { toChannelsLast } from "../../base/layout.ts";
import { elements, type Shape } from "../../graph/mod.ts";
import type { RunGenerators } from "../kinds/kind.ts";

/** What one layer draws: module dropout first; a dropped module draws nothing more. */
export interface LayerDraws {
  /** The module's. */
  name: string;
  /** The LoRA is a convolution, which PyTorch lays out (N, C, H, W); the graph's masks are channels-last. */
  channelsFirst: boolean;
  module?: { input: string; p: number };
  dropout?: { input: string; p: number; shape: Shape };
  rank?: { input: string; p: number; count: number };
  /** What a kind draws for itself. */
  own?: { input: string; values(generators: RunGenerators): Float32Array };
}

/** Values of the mask inputs for one run. */
export function drawMasks(
  draws: readonly LayerDraws[],
  generators: RunGenerators,
): Record<string, Float32Array> {
  const values: Record<string, Float32Array> = {}, { torch: generator } = generators;
  for (const { channelsFirst, module, dropout, rank, own } of draws) {
    if (own) values[own.input] = own.values(generators);
    const kept = !module || generator.rand(1)[0] >= module.p;
    if (module) values[module.input] = Float32Array.of(kept ? 1 : 0);
    if (dropout) {
      const count = elements(dropout.shape);
      const mask = kept ? generator.dropoutMask(dropout.p, count) : new Float32Array(count);
      values[dropout.input] = channelsFirst ? toChannelsLast(mask, dropout.shape[0], dropout.shape[3]) : mask;
    }
    if (rank) {
      values[rank.input] = kept
        ? generator.rand(rank.count).map((r) => r > rank.p ? 1 : 0)
        : new Float32Array(rank.count);
    }
  }
  return values;
}
