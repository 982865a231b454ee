import { expect, type Op, type Shape, type Tensor } from "../graph.ts";
import { cast } from "./cast.ts";

/** layerNorm(x (..., C), gamma (C), beta (C); eps) -> y like x, mean and rstd f32 (rows). Statistics in float32. */
export const layerNormOp: Op = {
  name: "layerNorm",
  attrs: ["eps"],
  infer(inputs) {
    const [x, gamma, beta] = inputs;
    const channels = x.shape[x.shape.length - 1];
    expect(
      gamma.shape.join() === `${channels}` && beta.shape.join() === `${channels}`,
      "layerNorm",
      inputs,
      "gamma, beta must be (C)",
    );
    expect(gamma.dtype === x.dtype && beta.dtype === x.dtype, "layerNorm", inputs, "operands need one dtype");
    const rows = x.shape.slice(0, -1).reduce((a, d) => a * d, 1);
    const stats: { shape: Shape; dtype: "f32" } = { shape: [rows], dtype: "f32" };
    return [{ shape: x.shape, dtype: x.dtype }, stats, stats];
  },
  grad([dy], node) {
    if (!dy) return [null, null, null];
    const [x, gamma] = node.inputs;
    const inputs = [dy, x, gamma, node.outputs[1], node.outputs[2]];
    const dx = dy.graph.add(layerNormBackwardOp, inputs).outputs[0];
    const [dgamma, dbeta] = dy.graph.add(layerNormBackwardParamsOp, inputs).outputs;
    return [dx, dgamma, dbeta];
  },
};

/** layerNormBackward(dy, x, gamma, mean, rstd[, residual]) -> dx + residual; passes/residual.ts adds it. */
export const layerNormBackwardOp: Op = {
  name: "layerNormBackward",
  attrs: [],
  infer: ([, x]) => [{ shape: x.shape, dtype: x.dtype }],
};

/** layerNormBackwardParams(dy, x, gamma, mean, rstd) -> dgamma, dbeta (C) in x's dtype. */
export const layerNormBackwardParamsOp: Op = {
  name: "layerNormBackwardParams",
  attrs: [],
  infer: ([, , gamma]) => [gamma, gamma].map(({ shape, dtype }) => ({ shape, dtype })),
};

/** Layer normalisation over the last axis (arXiv 1607.06450). */
export function layerNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  { eps = 1e-5 }: { eps?: number } = {},
): Tensor {
  return x.graph.add(layerNormOp, [x, cast(gamma, x.dtype), cast(beta, x.dtype)], { eps }).outputs[0];
}
