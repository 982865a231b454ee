/** Deep Shrink: early steps see a smaller picture from some depth of the U-Net on (sd-scripts' InferUNet2DConditionModel). */

import type { Graph, Tensor } from "../../graph/mod.ts";
import { bicubicWeights, interpolated } from "../interpolate.ts";
import type { Weights } from "../weights.ts";

export interface Shrink {
  /** Before which level (SD1, SD2) or which input block (SDXL) activations are made smaller. */
  readonly depth: number;
  readonly ratio: number;
}

/** The input block before which it happens: levels begin after the first convolution and after each downsampling. */
export function shrinkBlock({ depth }: Shrink, inputs: readonly Weights[], by: "level" | "block"): number {
  if (by === "block") return depth;
  const starts = [1];
  inputs.forEach((block, i) => {
    if (block.has("0.op")) starts.push(i + 1);
  });
  return starts[depth] ?? -1;
}

export function shrunk(x: Tensor, { ratio }: Shrink, graph: Graph): Tensor {
  const side = (from: number) => {
    const to = Math.max(1, Math.floor(from * ratio));
    return graph.constant(bicubicWeights(from, to, 1 / ratio), [to, from]);
  };
  return interpolated(x, side(x.shape[1]), side(x.shape[2]));
}

/** x at the size of `other`, or x itself. */
export function sizedLike(x: Tensor, other: Tensor, graph: Graph): Tensor {
  const [, height, width] = x.shape, [, toHeight, toWidth] = other.shape;
  if (height === toHeight && width === toWidth) return x;
  const side = (from: number, to: number) => graph.constant(bicubicWeights(from, to), [to, from]);
  return interpolated(x, side(height, toHeight), side(width, toWidth));
}
