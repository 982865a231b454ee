/** Pointwise functions of one tensor; computed in float32 whatever the dtype. */

import { groupNormOp, groupNormSilu } from "./group_norm.ts";
import { expect, type Op, record, type Tensor } from "../graph.ts";

/** The order is the attribute's code in the kernels. gelu is the erf form; quickGelu is x * sigmoid(1.702 x). */
export const UNARY = [
  "exp",
  "log",
  "sqrt",
  "abs",
  "neg",
  "sin",
  "cos",
  "tanh",
  "sigmoid",
  "silu",
  "gelu",
  "quickGelu",
  "square",
  "reciprocal",
] as const;

/** unary(fn; x) -> x's shape and dtype. */
export const unaryOp: Op = {
  name: "unary",
  attrs: ["fn"],
  inPlace: true,
  infer: ([x]) => [x],
  grad: ([dy], node) => [dy && record(unaryBackwardOp, [dy, node.inputs[0]], node.attrs)],
};

/** unaryBackward(fn; dy, x) = dy * fn'(x). */
export const unaryBackwardOp: Op = {
  name: "unaryBackward",
  attrs: ["fn"],
  inPlace: true,
  infer([dy, x]) {
    expect(
      dy.dtype === x.dtype && dy.shape.join() === x.shape.join(),
      "unaryBackward",
      [dy, x],
      "must be alike",
    );
    return [x];
  },
};

function unary(fn: typeof UNARY[number]): (x: Tensor) => Tensor {
  return (x) => record(unaryOp, [x], { fn: UNARY.indexOf(fn) });
}

export const exp = unary("exp");
export const log = unary("log");
export const sqrt = unary("sqrt");
export const abs = unary("abs");
export const neg = unary("neg");
export const sin = unary("sin");
export const cos = unary("cos");
export const tanh = unary("tanh");
export const sigmoid = unary("sigmoid");
const plainSilu = unary("silu");
/** x * sigmoid(x); of a group norm, one fused instruction. */
export function silu(x: Tensor): Tensor {
  return x.node.op === groupNormOp && x.index === 0 && !x.node.attrs.silu
    ? groupNormSilu(x.node)
    : plainSilu(x);
}
export const gelu = unary("gelu");
export const quickGelu = unary("quickGelu");
export const square = unary("square");
export const reciprocal = unary("reciprocal");
