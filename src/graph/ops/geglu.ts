import { expect, type Op, record, type Tensor } from "../graph.ts";

/** geglu([a | b]) = a * gelu(b), halves of the last axis: the gate in every UNet transformer block (arXiv 2002.05202). */
export const gegluOp: Op = {
  name: "geglu",
  attrs: [],
  infer([x]) {
    const last = x.shape.length - 1;
    expect(x.shape[last] % 2 === 0, "geglu", [x], "the last axis must be even");
    return [{ shape: x.shape.with(last, x.shape[last] / 2), dtype: x.dtype }];
  },
  grad: ([dy], node) => [dy && record(gegluBackwardOp, [dy, node.inputs[0]])],
};

/** gegluBackward(dy (..., C), x (..., 2C)) -> dx. */
export const gegluBackwardOp: Op = {
  name: "gegluBackward",
  attrs: [],
  infer: ([, x]) => [{ shape: x.shape, dtype: x.dtype }],
};

/** a * gelu(b) of the halves of the last axis. */
export function geglu(x: Tensor): Tensor {
  return record(gegluOp, [x]);
}
