/** The random masks of a LoRA's dropouts, drawn for every run in the order in which PyTorch's layers draw them. */

import { toChannelsLast } from "../../base/layout.ts";
import { elements, type Shape } from "../../graph/mod.ts";
import type { NetworkModule, RunGenerators } from "../kinds/kind.ts";

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
  /** The graph has no such layer: what is drawn is thrown away. */
  unread?: true;
}

/**
 * Adds what text encoders draw in layers behind the one that is read (--clip_skip, SDXL's first encoder): transformers
 * computes those too. `draws` are those of the layers that were recorded; a module's own order among its neighbours
 * does not matter, as each draws as much.
 */
export function addUnread(draws: LayerDraws[], modules: readonly NetworkModule[]): void {
  const read = new Set(draws.map(({ name }) => name));
  for (const { name, part, rank } of modules) {
    if (part === "unet" || read.has(name)) continue;
    const encoder = name.slice(0, name.indexOf("_text_model"));
    const at = draws.findLastIndex((draw) => draw.name.startsWith(`${encoder}_text_model`));
    const like = draws[at];
    if (!like || like.own) continue;
    const { dropout, rank: ranks } = like;
    draws.splice(at + 1, 0, {
      ...like,
      ...{ name, unread: true },
      ...dropout && { dropout: { ...dropout, shape: dropout.shape.with(-1, rank) } },
      ...ranks && { rank: { ...ranks, count: rowsOf(ranks.count, modules, like.name) * rank } },
    });
  }
}

/** Rows of a mask of `count` numbers, which are the module's rank a row. */
function rowsOf(count: number, modules: readonly NetworkModule[], name: string): number {
  return count / modules.find((module) => module.name === name)!.rank;
}

/**
 * Values of the mask inputs for one run. Latents that lie `channelsLast` in PyTorch, as convolutions leave them, do so up
 * to the first transformer, which makes what is behind it lie (N, C, H, W) again.
 */
export function drawMasks(
  draws: readonly LayerDraws[],
  generators: RunGenerators,
  channelsLast = false,
): Record<string, Float32Array> {
  let lastly = channelsLast;
  const all: Record<string, Float32Array> = {}, { torch: generator } = generators;
  for (const { name, channelsFirst, module, dropout, rank, own, unread } of draws) {
    const values = unread ? {} as typeof all : all;
    if (own) values[own.input] = own.values(generators);
    const kept = !module || generator.rand(1)[0] >= module.p;
    if (module) values[module.input] = Float32Array.of(kept ? 1 : 0);
    if (dropout) {
      const count = elements(dropout.shape);
      const mask = kept ? generator.dropoutMask(dropout.p, count) : new Float32Array(count);
      values[dropout.input] = channelsFirst && !lastly
        ? toChannelsLast(mask, dropout.shape[0], dropout.shape[3])
        : mask;
    }
    if (rank) {
      values[rank.input] = kept
        ? generator.rand(rank.count).map((r) => r > rank.p ? 1 : 0)
        : new Float32Array(rank.count);
    }
    if (/_proj_in$|_transformer_blocks_/.test(name)) lastly = false;
  }
  return all;
}
