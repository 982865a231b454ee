/** What a LoRA's module changes, by the formula. */

import { type NetworkModule, scaleOf } from "../../src/networks/mod.ts";

/** alpha / rank * up down, in the base weight's layout; float32 products of float64 sums. */
export function deltaOf(module: NetworkModule, down: Float32Array, up: Float32Array): Float32Array {
  const { rank } = module, scale = scaleOf(module);
  const out = module.shape[0], width = down.length / rank;
  const delta = new Float32Array(out * width);
  const row = new Float64Array(width);
  for (let o = 0; o < out; o++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const u = up[o * rank + r];
      if (u === 0) continue;
      for (let i = 0, d = r * width; i < width; i++) row[i] += u * down[d++];
    }
    for (let i = 0; i < width; i++) delta[o * width + i] = scale * row[i];
  }
  return delta;
}
