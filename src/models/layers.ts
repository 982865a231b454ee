/** The layers that models are made of, each taking its weights from its place and letting an adapter join. */

import * as ops from "../graph/mod.ts";
import type { Tensor } from "../graph/mod.ts";
import type { Weights } from "./weights.ts";

/** All group norms of Stable Diffusion have 32 groups. */
const GROUPS = 32;

/** x (..., in) -> (..., out). The weight is [out, in] or a 1x1 convolution's [out, in, 1, 1]. */
export function linear(x: Tensor, w: Weights): Tensor {
  const weight = w.tensor("weight");
  const shape = weight.shape.slice(0, 2);
  const matrix = weight.shape.length === 2 ? weight : ops.reshape(weight, shape);
  return w.adapt(x, ops.linear(x, matrix, w.maybe("bias")), { kind: "linear", shape });
}

export interface ConvOptions {
  stride?: number;
  /** [top, bottom, left, right]; by default half the kernel on each side, which keeps the size at stride 1. */
  pad?: [number, number, number, number];
}

/** x (N, H, W, C_in) -> (N, H', W', C_out), weight OIHW. */
export function conv2d(x: Tensor, w: Weights, options: ConvOptions = {}): Tensor {
  const weight = w.tensor("weight");
  const [vertical, horizontal] = [weight.shape[2] >> 1, weight.shape[3] >> 1];
  const stride = options.stride ?? 1;
  const pad = options.pad ?? [vertical, vertical, horizontal, horizontal];
  const y = ops.conv2d(x, weight, w.maybe("bias"), { stride, pad });
  return w.adapt(x, y, { kind: "conv2d", shape: weight.shape, stride, pad });
}

/** GroupNorm over 32 groups of (N, H, W, C). */
export function groupNorm(x: Tensor, w: Weights, eps: number): Tensor {
  const { weight, bias } = w.norm();
  return ops.groupNorm(x, weight, bias, { groups: GROUPS, eps });
}

/** LayerNorm over the last axis, eps 1e-5. */
export function layerNorm(x: Tensor, w: Weights): Tensor {
  const { weight, bias } = w.norm();
  return ops.layerNorm(x, weight, bias, { eps: 1e-5 });
}

/** x in the compute dtype of the weights that will meet it. */
export function toCompute(x: Tensor, w: Weights): Tensor {
  return ops.cast(x, w.dtype);
}
