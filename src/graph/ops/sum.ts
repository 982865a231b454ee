import { elements, expect, type Op, record, type Tensor } from "../graph.ts";
import { affine } from "./affine.ts";
import { broadcastTo } from "./broadcast.ts";

/**
 * sum(x[, scale]; axes, squares, shift) over the axes in the bit mask `axes`, kept as size 1; accumulates in float32, x's
 * dtype. With `squares` of (x scale)^2 + shift, in f32 (passes/squares.ts makes it).
 */
export const sumOp: Op = {
  name: "sum",
  attrs: ["axes", "squares", "shift"],
  infer: ([x], { axes }) => [{ shape: x.shape.map((d, i) => axes & (1 << i) ? 1 : d), dtype: x.dtype }],
  grad: ([dy], node) => [dy && broadcastTo(dy, node.inputs[0].shape)],
};

/** Sum over `axes` (default all), kept as size 1. */
export function sum(x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i)): Tensor {
  expect(axes.every((a) => a >= 0 && a < x.shape.length), "sum", [x], `has no axis in [${axes}]`);
  const nothing = axes.every((a) => x.shape[a] === 1) && elements(x.shape) > 1; // to add up
  return nothing
    ? x
    : record(sumOp, [x], { axes: axes.reduce((mask, a) => mask | (1 << a), 0), squares: 0, shift: 0 });
}

/** Mean over `axes` (default all), kept as size 1. */
export function mean(x: Tensor, axes: readonly number[] = x.shape.map((_, i) => i)): Tensor {
  return affine(sum(x, axes), 1 / elements(axes.map((a) => x.shape[a])), 0);
}
