/** From singular values to the two factors of a LoRA module. */

import type { ProductSvd } from "./svd.ts";

/** lora_up (out, rank) carries the values, lora_down (rank, width) is unit rows; ranks without a value are zeros. */
export function factorsFrom(
  { values, left, right }: ProductSvd,
  { rank, out, width }: { rank: number; out: number; width: number },
): { up: Float32Array; down: Float32Array } {
  const up = new Float32Array(out * rank), down = new Float32Array(rank * width);
  for (let k = 0; k < Math.min(rank, values.length); k++) {
    for (let o = 0; o < out; o++) up[o * rank + k] = left[k][o] * values[k];
    down.set(right[k], k * width);
  }
  return { up, down };
}
