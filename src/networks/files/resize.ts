/** A LoRA module of a lower rank: the best approximation of its product (sd-scripts' networks/resize_lora.py). */

import type { FileModule } from "./file_modules.ts";
import { factorsFrom } from "./factors.ts";
import { productSvd } from "./svd.ts";

export type DynamicMethod = "sv_ratio" | "sv_fro" | "sv_cumulative";

export interface ResizeOptions {
  readonly newRank: number;
  /** Of convolutions larger than 1x1. */
  readonly newConvRank: number;
  /** Chooses the rank from the singular values, newRank being the most; null takes newRank. */
  readonly dynamicMethod: DynamicMethod | null;
  readonly dynamicParam: number;
  /**
   * As sd-scripts 0.9.1, which takes newConvRank for 1x1 convolutions too, one rank more than a method asks for, and raises
   * ranks to what is asked for, the further ones adding nothing.
   */
  readonly compat: boolean;
}

export interface ResizedModule {
  readonly rank: number;
  readonly alpha: number;
  /** (rank, ...): unit rows; and (out, rank), which carries the singular values. */
  readonly down: Float32Array;
  readonly up: Float32Array;
  /** Share of the sum and of the Frobenius norm of the singular values that is kept, and first over last of those kept. */
  readonly sumRetained: number;
  readonly froRetained: number;
  readonly maxRatio: number;
}

/** Below this the first singular value is taken for a zero matrix. */
const SMALLEST = 1e-6;

export function resizeModule(module: FileModule, options: ResizeOptions): ResizedModule {
  const { downShape, upShape, alpha } = module, out = upShape[0];
  const found = productSvd(module.up(), module.down(), module.rank), { values } = found;
  const large = downShape.length === 4 && (options.compat || downShape[2] * downShape[3] > 1);
  const width = found.right[0].length, there = options.compat ? Math.min(out, width) : values.length;
  const most = Math.min(large ? options.newConvRank : options.newRank, there);
  const rank = values[0] <= SMALLEST ? 1 : Math.min(most, rankFor(values, options));
  const { up, down } = factorsFrom(found, { rank, out, width });
  const sum = (power: number, n = values.length) => values.subarray(0, n).reduce((s, v) => s + v ** power, 0);
  return {
    rank,
    alpha: Math.fround(Math.fround(alpha / module.rank) * rank),
    down,
    up,
    sumRetained: sum(1, rank) / sum(1),
    froRetained: Math.sqrt(sum(2, rank) / sum(2)),
    maxRatio: values[0] / (values[rank - 1] ?? 0),
  };
}

/** The rank that the singular values ask for. */
function rankFor(values: Float64Array, options: ResizeOptions): number {
  if (options.dynamicMethod === null) return Infinity;
  const rank = Math.max(1, wanted(values, options.dynamicMethod, options.dynamicParam));
  return options.compat ? rank + 1 : rank;
}

/** How many values reach the threshold. */
function wanted(values: Float64Array, dynamicMethod: DynamicMethod, dynamicParam: number): number {
  if (dynamicMethod === "sv_ratio") return values.filter((v) => v > values[0] / dynamicParam).length;
  const power = dynamicMethod === "sv_fro" ? 2 : 1;
  const target = dynamicParam ** power * values.reduce((s, v) => s + v ** power, 0);
  let sum = 0, rank = 0;
  while (rank < values.length && sum < target) sum += values[rank++] ** power;
  return rank;
}
