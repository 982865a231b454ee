/** LoRA files for tests: two modules, one of them a 3x3 convolution, and one 1x1 convolution. */

import { uniform } from "../golden/synth.ts";
import type { FileModule } from "../../src/networks/mod.ts";

/** A module with factors of its own. */
export function loraPair(
  name: string,
  rank: number,
  alpha: number,
  inputs: number[],
  out: number,
): FileModule {
  const width = inputs.reduce((n, d) => n * d, 1);
  return {
    name,
    rank,
    alpha,
    keys: { down: `${name}.lora_down.weight`, up: `${name}.lora_up.weight`, alpha: `${name}.alpha` },
    downShape: [rank, ...inputs],
    upShape: inputs.length === 3 ? [out, rank, 1, 1] : [out, rank],
    down: () => uniform(`${name} ${rank} down`, rank * width),
    up: () => uniform(`${name} ${rank} up`, rank * out),
  };
}

/** alpha / rank * up down, row-major. */
export function product(
  { rank, alpha, down, up }: { rank: number; alpha: number; down: Float32Array; up: Float32Array },
): Float64Array {
  const width = down.length / rank;
  return Float64Array.from({ length: up.length / rank * width }, (_, at) => {
    const o = Math.floor(at / width), i = at % width;
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += up[o * rank + r] * down[r * width + i];
    return alpha / rank * sum;
  });
}

export const productOf = (module: FileModule) => product({ ...module, down: module.down(), up: module.up() });
