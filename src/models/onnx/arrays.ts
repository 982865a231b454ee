/** The few operations that all ONNX operators are made of: on known numbers at once, on others as instructions. */

import {
  deviceBinary,
  deviceBroadcast,
  deviceConcat,
  deviceExtreme,
  deviceProduct,
  deviceSlice,
  deviceSum,
  deviceTake,
  deviceTranspose,
  deviceUnary,
} from "./device.ts";
import { HOST_BINARY, hostBinary, hostProduct, hostReduce, hostUnary, hostView } from "./host.ts";
import { isKnown, known, type Recording, size, strides, Unsupported, type Value } from "./values.ts";

export function unary(r: Recording, name: string, x: Value): Value {
  return isKnown(x) ? hostUnary(name, x) : deviceUnary(r, name, x);
}

export function binary(r: Recording, name: string, a: Value, b: Value): Value {
  return isKnown(a) && isKnown(b) ? hostBinary(name, a, b) : deviceBinary(r, name, a, b);
}

/** x with one number. */
export function scalar(r: Recording, name: string, x: Value, number: number): Value {
  return binary(r, name, x, known([number], [], x.dtype));
}

export function reshaped(x: Value, shape: readonly number[]): Value {
  if (size(shape) !== size(x.shape)) throw new Unsupported(`[${x.shape}] does not fill [${shape}]`);
  return { ...x, shape };
}

export function transpose(r: Recording, x: Value, order: readonly number[]): Value {
  if (!isKnown(x)) return deviceTranspose(r, x, order);
  const steps = strides(x.shape);
  return hostView(x, order.map((a) => x.shape[a]), order.map((a) => steps[a]));
}

export function broadcast(r: Recording, x: Value, shape: readonly number[]): Value {
  return isKnown(x) ? hostView(x, shape, strides(x.shape, shape)) : deviceBroadcast(r, x, shape);
}

export function sliceOf(r: Recording, x: Value, axis: number, start: number, length: number): Value {
  if (start === 0 && length === x.shape[axis]) return x;
  if (!isKnown(x)) return deviceSlice(r, x, axis, start, length);
  const steps = strides(x.shape);
  return hostView(x, x.shape.with(axis, length), steps, start * steps[axis]);
}

/** Entries of one axis by number, in any order. */
export function take(r: Recording, x: Value, axis: number, places: readonly number[]): Value {
  const run = places.every((place, i) => place === places[0] + i);
  if (run && places.length > 0) return sliceOf(r, x, axis, places[0], places.length);
  if (!isKnown(x)) return deviceTake(r, x, axis, places);
  const steps = strides(x.shape), shape = x.shape.with(axis, places.length);
  const parts = places.map((place) => hostView(x, shape.with(axis, 1), steps, place * steps[axis]));
  return parts.length ? joinAlong(r, parts, axis) : known([], shape, x.dtype);
}

export function joinAlong(r: Recording, all: readonly Value[], axis: number): Value {
  const values = all.filter((v) => size(v.shape) > 0);
  if (values.length < 2) return values[0] ?? all[0];
  if (!values.every(isKnown)) return deviceConcat(r, values, axis);
  const shape = values[0].shape.with(axis, values.reduce((n, v) => n + v.shape[axis], 0));
  const outer = size(shape.slice(0, axis)), inner = size(shape.slice(axis + 1));
  const data = new Float64Array(size(shape));
  for (let o = 0, at = 0; o < outer; o++) {
    for (const { known: from, shape: own } of values) {
      const run = own[axis] * inner;
      data.set(from.subarray(o * run, (o + 1) * run), at);
      at += run;
    }
  }
  return known(data, shape, values[0].dtype);
}

/** One axis with so many entries of `value` before and after. */
export function padAxis(
  r: Recording,
  x: Value,
  axis: number,
  [before, after]: readonly [number, number],
  value: number,
): Value {
  const edge = (length: number) => {
    const shape = x.shape.with(axis, length);
    return length > 0 ? [broadcast(r, known([value], shape.map(() => 1)), shape)] : [];
  };
  return joinAlong(r, [...edge(before), x, ...edge(after)], axis);
}

export type Reduction = "sum" | "prod" | "max" | "min";

const STARTS: Readonly<Record<Reduction, [string, number]>> = {
  sum: ["add", 0],
  prod: ["mul", 1],
  max: ["maximum", -Infinity],
  min: ["minimum", Infinity],
};

/** Over the axes, which stay with size 1. */
export function reduce(r: Recording, how: Reduction, x: Value, axes: readonly number[]): Value {
  return axes.reduce((value, axis) => {
    if (isKnown(value)) return hostReduce(value, axis, HOST_BINARY[STARTS[how][0]], STARTS[how][1]);
    if (how === "sum") return deviceSum(r, value, axis);
    if (how === "prod") throw new Unsupported("a product over a picture's values is not supported yet");
    return deviceExtreme(r, value, axis, how === "max" ? "maximum" : "minimum");
  }, x);
}

/** (B, M, K) times (B, K, N). */
export function product(r: Recording, a: Value, b: Value): Value {
  return isKnown(a) && isKnown(b) ? hostProduct(a, b) : deviceProduct(r, a, b);
}
