/** The weights of a new LoRA, drawn as PyTorch draws them. */

import { elements } from "../../graph/mod.ts";
import { keysOf, type LoraModule } from "../sites/modules.ts";

/** What of a torch generator is needed. */
export interface UniformSource {
  /** n float32 values in [low, high). */
  uniform(low: number, high: number, n: number): Float32Array;
}

/** File key -> values: lora_down drawn by kaiming_uniform_(a = sqrt(5)), lora_up zero. */
export type LoraWeights = Map<string, Float32Array>;

/** Numbers that initialWeights() takes from the generator. */
export function initialDraws(modules: readonly LoraModule[]): number {
  return modules.reduce(
    (sum, { downShape, upShape }) => sum + 2 * elements(downShape) + elements(upShape),
    0,
  );
}

/**
 * Draws every module in turn. The constructors of the two layers draw first and are overwritten: those numbers are
 * taken from the generator too, so that all later ones (and the next module's) are PyTorch's.
 */
export function initialWeights(modules: readonly LoraModule[], generator: UniformSource): LoraWeights {
  const weights: LoraWeights = new Map();
  for (const module of modules) {
    const { down, up } = keysOf(module);
    const downCount = elements(module.downShape), upCount = elements(module.upShape);
    generator.uniform(0, 1, downCount + upCount);
    const gain = Math.sqrt(2 / (1 + 5));
    const bound = Math.sqrt(3) * (gain / Math.sqrt(downCount / module.rank));
    weights.set(down, generator.uniform(-bound, bound, downCount));
    weights.set(up, new Float32Array(upCount));
  }
  return weights;
}
