/** Operators on known numbers: sizes and masks are computed while a graph is recorded. */

import { broadcastShape, type Known, known, size, strides } from "./values.ts";

type Pair = (a: number, b: number) => number;

/** floor((x / y)) * y is taken off: the sign of y, as in Python. */
const pythonMod: Pair = (a, b) => a - Math.floor(a / b) * b;

export const HOST_BINARY: Readonly<Record<string, Pair>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  minimum: Math.min,
  maximum: Math.max,
  mod: pythonMod,
  fmod: (a, b) => a % b,
  pow: (a, b) => a ** b,
  equal: (a, b) => Number(a === b),
  less: (a, b) => Number(a < b),
  greater: (a, b) => Number(a > b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
};

const LOGICAL = ["equal", "less", "greater", "and", "or"];

export const HOST_UNARY: Readonly<Record<string, (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  neg: (x) => -x,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  reciprocal: (x) => 1 / x,
  floor: Math.floor,
  ceil: Math.ceil,
  not: (x) => Number(x === 0),
  erf,
};

/** Abramowitz and Stegun's series and continued fraction, to double precision. */
function erf(x: number): number {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  if (t < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 200; n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (t + fraction);
  return Math.sign(x) * (1 - Math.exp(-t * t) / Math.sqrt(Math.PI) / (t + fraction));
}

export function hostBinary(name: string, a: Known, b: Known): Known {
  const shape = broadcastShape(a.shape, b.shape), dtype = LOGICAL.includes(name) ? "bool" : a.dtype;
  const whole = dtype === "i64", compute = HOST_BINARY[name];
  const data = new Float64Array(size(shape));
  eachIndex(shape, [strides(a.shape, shape), strides(b.shape, shape)], (i, [p, q]) => {
    const value = compute(a.known[p], b.known[q]);
    data[i] = whole ? Math.trunc(value) : value;
  });
  return known(data, shape, dtype);
}

export function hostUnary(name: string, x: Known): Known {
  return known(Float64Array.from(x.known, HOST_UNARY[name]), x.shape, name === "not" ? "bool" : x.dtype);
}

/** The elements at `offset` plus whole steps along each axis of `shape`. */
export function hostView(x: Known, shape: readonly number[], steps: readonly number[], offset = 0): Known {
  const data = new Float64Array(size(shape));
  eachIndex(shape, [steps], (i, [p]) => data[i] = x.known[p + offset]);
  return known(data, shape, x.dtype);
}

/** Reduces one axis, kept as size 1. */
export function hostReduce(x: Known, axis: number, join: Pair, start: number): Known {
  const shape = x.shape.with(axis, 1), data = new Float64Array(size(shape)).fill(start);
  eachIndex(x.shape, [strides(shape, x.shape)], (i, [p]) => data[p] = join(data[p], x.known[i]));
  return { shape, dtype: x.dtype, known: x.dtype === "f32" ? Float32Array.from(data) : data };
}

/** (B, M, K) times (B, K, N). */
export function hostProduct(a: Known, b: Known): Known {
  const [batch, rows, inner] = a.shape, columns = b.shape[2];
  const data = new Float64Array(batch * rows * columns);
  for (let n = 0, at = 0; n < batch; n++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++, at++) {
        for (let k = 0; k < inner; k++) {
          data[at] += a.known[(n * rows + r) * inner + k] * b.known[(n * inner + k) * columns + c];
        }
      }
    }
  }
  return known(data, [batch, rows, columns]);
}

/** Calls `visit` for every index of a shape in row-major order, with a position for each list of steps. */
export function eachIndex(
  shape: readonly number[],
  steps: readonly (readonly number[])[],
  visit: (i: number, positions: readonly number[]) => void,
): void {
  const index = shape.map(() => 0), positions = steps.map(() => 0), count = size(shape);
  for (let i = 0; i < count; i++) {
    visit(i, positions);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      steps.forEach((list, k) => positions[k] += list[axis]);
      if (++index[axis] < shape[axis]) break;
      steps.forEach((list, k) => positions[k] -= list[axis] * shape[axis]);
      index[axis] = 0;
    }
  }
}
