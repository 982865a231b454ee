/** Pointwise functions of two tensors with NumPy broadcasting (at most 5 axes). */

import {
  type Attrs,
  elements,
  expect,
  type Node,
  type Op,
  record,
  sameShape,
  type Shape,
  type Tensor,
} from "../graph.ts";
import { affine } from "./affine.ts";
import { cast } from "./cast.ts";
import { reshape } from "./reshape.ts";
import { sum } from "./sum.ts";

/** The order is the attribute's code in the kernels. */
export const BINARY = ["add", "sub", "mul", "div", "minimum", "maximum"] as const;

/** binary(fn; a, b) -> broadcast shape, a's dtype. Both operands have one dtype. */
export const binaryOp: Op = {
  name: "binary",
  attrs: ["fn"],
  inPlace: true,
  infer([a, b]) {
    expect(a.dtype === b.dtype, "binary", [a, b], "both operands need one dtype");
    return [{ shape: broadcastShape(a, b), dtype: a.dtype }];
  },
  grad([dy], node) {
    if (!dy) return [null, null];
    const [a, b] = node.inputs;
    const [da, db] = partials(dy, a, b, node);
    return [da && unbroadcast(da(), a.shape), db && unbroadcast(db(), b.shape)];
  },
};

type Thunk = () => Tensor;

function partials(dy: Tensor, a: Tensor, b: Tensor, node: Node): [Thunk, Thunk] {
  switch (BINARY[node.attrs.fn]) {
    case "add":
      return [() => dy, () => dy];
    case "sub":
      return [() => dy, () => affine(dy, -1, 0)];
    case "mul":
      return [() => mul(dy, b), () => mul(dy, a)];
    case "div":
      return [() => div(dy, b), () => affine(div(mul(dy, node.outputs[0]), b), -1, 0)];
    case "minimum":
    case "maximum":
      return [() => mul(dy, chosen(a, node)), () => mul(dy, chosen(b, node))];
  }
}

/** 1 where minimum or maximum took x (both operands where they are equal), else 0. */
function chosen(x: Tensor, { attrs, outputs: [y] }: Node): Tensor {
  const distance = BINARY[attrs.fn] === "minimum" ? sub(x, y) : sub(y, x);
  const one = cast(x.graph.constant(Float32Array.of(1), [1]), x.dtype);
  return affine(minimum(affine(distance, 1e30, 0), one), -1, 1);
}

/** Sums a gradient over the axes that broadcasting repeated. */
export function unbroadcast(dy: Tensor, shape: Shape): Tensor {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.shape.length - shape.length;
  const axes = dy.shape.map((_, i) => i).filter((i) =>
    i < lead || (shape[i - lead] === 1 && dy.shape[i] !== 1)
  );
  return reshape(axes.length ? sum(dy, axes) : dy, shape);
}

function broadcastShape(a: Tensor, b: Tensor): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  const at = (s: Shape, i: number) => s[i - rank + s.length] ?? 1;
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [at(a.shape, i), at(b.shape, i)];
    expect(x === y || x === 1 || y === 1, "binary", [a, b], `axis ${i} cannot be broadcast`);
    return x === 1 ? y : x;
  });
}

function binary(fn: typeof BINARY[number]): (a: Tensor, b: Tensor) => Tensor {
  const attrs: Attrs = { fn: BINARY.indexOf(fn) };
  return (a, b) => {
    // The larger operand comes first where order does not matter, so that kernels see one case.
    const swap = (fn === "add" || fn === "mul") && elements(b.shape) > elements(a.shape);
    return record(binaryOp, swap ? [b, a] : [a, b], attrs);
  };
}

export const add = binary("add");
export const sub = binary("sub");
export const mul = binary("mul");
export const div = binary("div");
export const minimum = binary("minimum");
export const maximum = binary("maximum");
