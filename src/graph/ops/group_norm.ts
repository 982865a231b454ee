import { expect, type Node, type Op, type Shape, type Tensor } from "../graph.ts";
import { cast } from "./cast.ts";

/**
 * groupNorm(x (N, ..., C), gamma (C), beta (C); groups, eps, silu) -> y like x, mean and rstd f32 (N, groups).
 * Statistics in float32; with silu the output is y * sigmoid(y) of the normalised y.
 */
export const groupNormOp: Op = {
  name: "groupNorm",
  attrs: ["groups", "eps", "silu"],
  infer(inputs, { groups }) {
    const [x, gamma, beta] = inputs;
    const channels = x.shape[x.shape.length - 1];
    expect(
      channels % groups === 0,
      "groupNorm",
      inputs,
      `${channels} channels do not divide into ${groups} groups`,
    );
    expect(
      gamma.shape.join() === `${channels}` && beta.shape.join() === `${channels}`,
      "groupNorm",
      inputs,
      "gamma, beta must be (C)",
    );
    expect(gamma.dtype === x.dtype && beta.dtype === x.dtype, "groupNorm", inputs, "operands need one dtype");
    const stats: { shape: Shape; dtype: "f32" } = { shape: [x.shape[0], groups], dtype: "f32" };
    return [{ shape: x.shape, dtype: x.dtype }, stats, stats];
  },
  grad([dy], node) {
    if (!dy) return [null, null, null];
    const inputs = [dy, ...node.inputs, node.outputs[1], node.outputs[2]];
    const dx = dy.graph.add(groupNormBackwardOp, inputs, node.attrs).outputs[0];
    const [dgamma, dbeta] = dy.graph.add(groupNormBackwardParamsOp, inputs, node.attrs).outputs;
    return [dx, dgamma, dbeta];
  },
};

/** groupNormBackward(dy, x, gamma, beta, mean, rstd[, residual]; groups, eps, silu) -> dx + residual. */
export const groupNormBackwardOp: Op = {
  name: "groupNormBackward",
  attrs: ["groups", "eps", "silu"],
  infer: ([, x]) => [{ shape: x.shape, dtype: x.dtype }],
};

/** groupNormBackwardParams(dy, x, gamma, beta, mean, rstd; groups, eps, silu) -> dgamma, dbeta (C) in x's dtype. */
export const groupNormBackwardParamsOp: Op = {
  name: "groupNormBackwardParams",
  attrs: ["groups", "eps", "silu"],
  infer: ([, , gamma]) => [gamma, gamma].map(({ shape, dtype }) => ({ shape, dtype })),
};

/** Group normalisation over channels-last x (arXiv 1803.08494). */
export function groupNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  { groups = 32, eps = 1e-5 }: { groups?: number; eps?: number } = {},
): Tensor {
  const inputs = [x, cast(gamma, x.dtype), cast(beta, x.dtype)];
  return x.graph.add(groupNormOp, inputs, { groups, eps, silu: 0 }).outputs[0];
}

/** The same normalisation followed by SiLU; the plain one is left to die if nothing else reads it. */
export function groupNormSilu(plain: Node): Tensor {
  return plain.outputs[0].graph.add(groupNormOp, plain.inputs, { ...plain.attrs, silu: 1 }).outputs[0];
}
