/** Operators as instructions of a graph: axes that behave alike are joined, because a graph has at most five. */

import {
  abs,
  add,
  affine,
  broadcastTo,
  concat,
  cos,
  div,
  embedding,
  exp,
  gelu,
  log,
  matmul,
  maximum,
  minimum,
  mul,
  neg,
  permute,
  reciprocal,
  reshape,
  sigmoid,
  sin,
  slice,
  sqrt,
  sub,
  sum,
  tanh,
  type Tensor,
} from "../../graph/mod.ts";
import { broadcastShape, onDevice, type Recording, size, Unsupported, type Value } from "./values.ts";

const BINARY: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  add,
  sub,
  mul,
  div,
  minimum,
  maximum,
};

/** erf(z) from gelu(t) = t / 2 (1 + erf(t / sqrt 2)); the smallest shift keeps 0 / 0 away. */
function erf(z: Tensor): Tensor {
  const t = affine(z, Math.SQRT2, 1e-20);
  return affine(div(gelu(t), t), 2, -1);
}

const UNARY: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ...{ exp, log, sqrt, abs, neg, sin, cos, tanh, sigmoid, reciprocal },
  erf,
};

export function deviceUnary(r: Recording, name: string, x: Value): Value {
  const compute = UNARY[name];
  if (!compute) throw new Unsupported(`${name} of what depends on the picture is not supported yet`);
  return onDevice(compute(r.tensorOf(x)), x.shape);
}

export function deviceBinary(r: Recording, name: string, a: Value, b: Value): Value {
  const compute = BINARY[name];
  if (!compute) throw new Unsupported(`${name} of what depends on the picture is not supported yet`);
  const shape = broadcastShape(a.shape, b.shape), [left, right] = joinedShapes(shape, [a.shape, b.shape]);
  return onDevice(compute(reshape(r.tensorOf(a), left), reshape(r.tensorOf(b), right)), shape);
}

export function deviceBroadcast(r: Recording, x: Value, shape: readonly number[]): Value {
  const [from] = joinedShapes(shape, [x.shape]), to = joinedShapes(shape, [shape, x.shape])[0];
  return onDevice(broadcastTo(reshape(r.tensorOf(x), from), to), shape);
}

/** The shapes with neighbouring axes joined where each shape either has both whole or repeats both. */
function joinedShapes(to: readonly number[], shapes: readonly (readonly number[])[]): number[][] {
  const padded = shapes.map((s) => [...Array(to.length - s.length).fill(1), ...s]);
  const joined: number[][] = shapes.map(() => []);
  let last = "";
  to.forEach((wide, axis) => {
    if (wide === 1) return;
    const pattern = padded.map((s) => s[axis] === wide ? "x" : "1").join("");
    padded.forEach((s, k) => {
      if (pattern === last) joined[k][joined[k].length - 1] *= s[axis];
      else joined[k].push(s[axis]);
    });
    last = pattern;
  });
  if (joined[0].length > 5) throw new Unsupported(`a broadcast to [${to}] is not supported yet`);
  return joined.map((s) => s.length ? s : [1]);
}

export function deviceTranspose(r: Recording, x: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => x.shape[axis]);
  // axes that stay neighbours move as one
  const groups: number[][] = [];
  for (const axis of order.filter((a) => x.shape[a] !== 1)) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    const between = before === undefined ? [] : x.shape.slice(before + 1, axis);
    if (group && before! < axis && between.every((d) => d === 1)) group.push(axis);
    else groups.push([axis]);
  }
  if (groups.length > 5) throw new Unsupported(`a transposition of [${x.shape}] is not supported yet`);
  const sorted = groups.toSorted((a, b) => a[0] - b[0]);
  const merged = sorted.map((group) => size(group.map((axis) => x.shape[axis])));
  if (groups.length < 2) return onDevice(r.tensorOf(x), shape);
  return onDevice(permute(reshape(r.tensorOf(x), merged), groups.map((g) => sorted.indexOf(g))), shape);
}

/** x as (outer, axis, inner). */
const around = (shape: readonly number[], axis: number) => [
  size(shape.slice(0, axis)),
  shape[axis],
  size(shape.slice(axis + 1)),
];

export function deviceSlice(r: Recording, x: Value, axis: number, start: number, length: number): Value {
  const flat = reshape(r.tensorOf(x), around(x.shape, axis));
  return onDevice(slice(flat, 1, start, length), x.shape.with(axis, length));
}

/** Entries of one axis by number. */
export function deviceTake(r: Recording, x: Value, axis: number, places: readonly number[]): Value {
  const [outer, n, inner] = around(x.shape, axis);
  const table = permute(reshape(r.tensorOf(x), [outer, n, inner]), [1, 0, 2]);
  const ids = r.graph.constant(Int32Array.from(places), [places.length]);
  const rows = embedding(reshape(table, [n, outer * inner]), ids);
  const back = permute(reshape(rows, [places.length, outer, inner]), [1, 0, 2]);
  return onDevice(back, x.shape.with(axis, places.length));
}

/** At most eight operands an instruction. */
export function deviceConcat(r: Recording, values: readonly Value[], axis: number): Value {
  const [first] = values, total = values.reduce((n, v) => n + v.shape[axis], 0);
  let tensors = values.map((v) => reshape(r.tensorOf(v), around(v.shape, axis)));
  while (tensors.length > 1) {
    const rest = tensors;
    tensors = Array.from(
      { length: Math.ceil(rest.length / 8) },
      (_, i) => concat(rest.slice(8 * i, 8 * i + 8), 1),
    );
  }
  return onDevice(tensors[0], first.shape.with(axis, total));
}

/** Sum over one axis, kept as size 1. */
export function deviceSum(r: Recording, x: Value, axis: number): Value {
  return onDevice(sum(reshape(r.tensorOf(x), around(x.shape, axis)), [1]), x.shape.with(axis, 1));
}

/** Largest (or least) along one axis, kept as size 1: halves are compared, which may overlap. */
export function deviceExtreme(r: Recording, x: Value, axis: number, name: "maximum" | "minimum"): Value {
  let flat = reshape(r.tensorOf(x), around(x.shape, axis));
  for (let n = flat.shape[1]; n > 1;) {
    const half = Math.ceil(n / 2);
    flat = BINARY[name](slice(flat, 1, 0, half), slice(flat, 1, n - half, half));
    n = half;
  }
  return onDevice(flat, x.shape.with(axis, 1));
}

/** (B, M, K) times (B, K, N). */
export function deviceProduct(r: Recording, a: Value, b: Value): Value {
  const shape = [a.shape[0], a.shape[1], b.shape[2]];
  return onDevice(matmul(reshape(r.tensorOf(a), a.shape), reshape(r.tensorOf(b), b.shape)), shape);
}
