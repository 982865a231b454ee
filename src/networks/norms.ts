/** --scale_weight_norms: keeps alpha / rank * up down of every module at or below a Frobenius norm. */

import { keysOf, type LoraModule, scaleOf } from "./modules.ts";

export interface NormReport {
  /** Modules whose norm was changed. */
  readonly keysScaled: number;
  /** Mean and largest norm after it. */
  readonly meanNorm: number;
  readonly maximumNorm: number;
}

/**
 * Scales both factors in place by sqrt(ratio) where the product's norm is above `limit`. As in sd-scripts a norm below
 * limit / 2 counts as limit / 2 where it is reported.
 */
export function scaleWeightNorms(
  modules: readonly LoraModule[],
  weights: ReadonlyMap<string, Float32Array>,
  limit: number,
): NormReport {
  let keysScaled = 0, sum = 0, largest = 0;
  for (const module of modules) {
    const keys = keysOf(module);
    const down = weights.get(keys.down)!, up = weights.get(keys.up)!;
    const exact = productNorm(module, down, up);
    const ratio = Math.min(1, limit / Math.max(exact, limit / 2));
    if (ratio !== 1) {
      keysScaled++;
      const root = Math.sqrt(ratio);
      for (const factor of [down, up]) for (let i = 0; i < factor.length; i++) factor[i] *= root;
    }
    sum += exact * ratio;
    largest = Math.max(largest, exact * ratio);
  }
  return { keysScaled, meanNorm: sum / modules.length, maximumNorm: largest };
}

/** ||alpha / rank * U D|| by the two rank x rank Gram matrices: trace((U^T U) (D D^T)), without the product itself. */
export function productNorm(module: LoraModule, down: Float32Array, up: Float32Array): number {
  const { rank } = module, out = module.shape[0], width = down.length / rank;
  let trace = 0;
  for (let a = 0; a < rank; a++) {
    for (let b = 0; b <= a; b++) {
      let left = 0, right = 0;
      for (let o = 0; o < out; o++) left += up[o * rank + a] * up[o * rank + b];
      for (let i = 0; i < width; i++) right += down[a * width + i] * down[b * width + i];
      trace += (a === b ? 1 : 2) * left * right;
    }
  }
  return Math.abs(scaleOf(module)) * Math.sqrt(Math.max(trace, 0));
}
