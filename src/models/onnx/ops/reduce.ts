/** Operators over whole axes: sums, means, norms, softmax. */

import { binary, reduce, type Reduction, reshaped, scalar, transpose, unary } from "../arrays.ts";
import { axisOf, isKnown, known, type Recording, size, Unsupported, type Value } from "../values.ts";
import type { Call, Operator } from "./call.ts";

const all = (x: Value) => x.shape.map((_, i) => i);

function over(compute: (r: Recording, x: Value, axes: readonly number[]) => Value): Operator {
  return (c) => {
    const x = c.input(0), given = c.listOrInput("axes", 1);
    if (!given?.length && c.number("noop_with_empty_axes", 0)) return x;
    const axes = given?.length ? given.map((a) => axisOf(a, x.shape.length)) : all(x);
    const found = compute(c.r, x, axes);
    return c.number("keepdims", 1) ? found : reshaped(found, found.shape.filter((_, i) => !axes.includes(i)));
  };
}

const plain = (how: Reduction) => over((r, x, axes) => reduce(r, how, x, axes));

export function meanOver(r: Recording, x: Value, axes: readonly number[]): Value {
  return scalar(r, "mul", reduce(r, "sum", x, axes), 1 / size(axes.map((a) => x.shape[a])));
}

const squares = (r: Recording, x: Value, axes: readonly number[]) =>
  reduce(r, "sum", binary(r, "mul", x, x), axes);

/** exp(x - max) over its sum. */
function softmax(r: Recording, x: Value, axes: readonly number[]): Value {
  const e = unary(r, "exp", binary(r, "sub", x, reduce(r, "max", x, axes)));
  return binary(r, "div", e, reduce(r, "sum", e, axes));
}

/** Before version 13 all axes from `axis` on were one. */
function softmaxAxes(c: Call): number[] {
  const { shape } = c.input(0),
    old = c.opset < 13,
    axis = axisOf(c.number("axis", old ? 1 : -1), shape.length);
  return old ? all(c.input(0)).slice(axis) : [axis];
}

/** (x - mean) / sqrt(variance + epsilon) over the axes. */
export function normalized(r: Recording, x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = binary(r, "sub", x, meanOver(r, x, axes));
  const variance = meanOver(r, binary(r, "mul", centred, centred), axes);
  return binary(r, "div", centred, unary(r, "sqrt", scalar(r, "add", variance, epsilon)));
}

function argmax(c: Call): Value {
  const x = c.input(0), axis = axisOf(c.number("axis", 0), x.shape.length);
  if (!isKnown(x)) throw new Unsupported("the place of a picture's largest value is not supported yet");
  const order = [...all(x).filter((a) => a !== axis), axis], turned = transpose(c.r, x, order).known!;
  const n = x.shape[axis], last = c.number("select_last_index", 0);
  const places = Array.from({ length: turned.length / n }, (_, i) => {
    const row = Float64Array.from(turned.subarray(i * n, (i + 1) * n)),
      most = row.reduce((a: number, b: number) => Math.max(a, b), -Infinity);
    return last ? row.lastIndexOf(most) : row.indexOf(most);
  });
  const kept = x.shape.with(axis, 1);
  return known(places, c.number("keepdims", 1) ? kept : kept.filter((_, i) => i !== axis), "i64");
}

export const REDUCTIONS: Readonly<Record<string, Operator>> = {
  ReduceSum: plain("sum"),
  ReduceProd: plain("prod"),
  ReduceMax: plain("max"),
  ReduceMin: plain("min"),
  ReduceMean: over(meanOver),
  ReduceSumSquare: over(squares),
  ReduceL2: over((r, x, axes) => unary(r, "sqrt", squares(r, x, axes))),
  ReduceL1: over((r, x, axes) => reduce(r, "sum", unary(r, "abs", x), axes)),
  GlobalAveragePool: (c) => meanOver(c.r, c.input(0), all(c.input(0)).slice(2)),
  GlobalMaxPool: (c) => reduce(c.r, "max", c.input(0), all(c.input(0)).slice(2)),
  Softmax: (c) => softmax(c.r, c.input(0), softmaxAxes(c)),
  LogSoftmax: (c) => unary(c.r, "log", softmax(c.r, c.input(0), softmaxAxes(c))),
  ArgMax: argmax,
};
