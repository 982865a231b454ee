import * as ops from "../../src/graph/mod.ts";
import type { Tensor } from "../../src/graph/mod.ts";
import { checkOp, normal, normalCdf, type Operand, values } from "./check_op.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const positive = (shape: readonly number[]): Operand => {
  const { values } = normal(shape, 3);
  return { shape, values: Float32Array.from(values, (v) => Math.abs(v) + 0.3) };
};

const functions: [string, (x: Tensor) => Tensor, (x: number) => number, Operand?][] = [
  ["exp", ops.exp, Math.exp],
  ["log", ops.log, Math.log, positive([3, 7])],
  ["sqrt", ops.sqrt, Math.sqrt, positive([3, 7])],
  ["abs", ops.abs, Math.abs],
  ["neg", ops.neg, (x) => -x],
  ["sin", ops.sin, Math.sin],
  ["cos", ops.cos, Math.cos],
  ["tanh", ops.tanh, Math.tanh],
  ["sigmoid", ops.sigmoid, sigmoid],
  ["silu", ops.silu, (x) => x * sigmoid(x)],
  ["gelu", ops.gelu, (x) => x * normalCdf(x)],
  ["quickGelu", ops.quickGelu, (x) => x * sigmoid(1.702 * x)],
  ["square", ops.square, (x) => x * x],
  ["reciprocal", ops.reciprocal, (x) => 1 / x, positive([3, 7])],
];

for (const [name, build, formula, operand] of functions) {
  checkOp(`${name}() follows its formula`, {
    operands: [operand ?? normal([2, 5, 37], 5, 1.5)],
    build,
    reference: (x) => x.map(formula),
  });
}

checkOp("exp() reaches its extremes", {
  operands: [values([-100, -87.5, -20, 0, 20, 88])],
  build: ops.exp,
  reference: (x) => x.map(Math.exp),
  dtypes: ["f32"],
  gradient: false,
});

checkOp("gelu() and silu() vanish far left and are the identity far right", {
  operands: [values([-200, -20, -6, -4.2, 4.2, 6, 20, 200])],
  build: (x) => ops.add(ops.gelu(x), ops.silu(x)),
  reference: (x) => x.map((v) => v * normalCdf(v) + v * sigmoid(v)),
});

checkOp("affine() scales and shifts", {
  operands: [normal([70001])],
  build: (x) => ops.affine(x, -0.75, 2),
  reference: (x) => x.map((v) => -0.75 * v + 2),
});

for (const half of [19, 24]) { // one element at a time, and in packs
  checkOp(`geglu() gates one half by the other, ${half} wide`, {
    operands: [normal([2, 3, 2 * half])],
    build: ops.geglu,
    reference: (x) => byHalves(x, half, (a, b) => a * b * normalCdf(b)),
  });
}

checkOp("geglu() vanishes far left and is the identity far right", {
  operands: [{
    shape: [7, 2],
    values: Float32Array.of(1, -200, 1, -9, 2, -4.2, 1, -3, 1, 4.2, 2, 9, 1, 200),
  }],
  build: ops.geglu,
  reference: (x) => byHalves(x, 1, (a, b) => a * b * normalCdf(b)),
});

function byHalves(x: Float64Array, half: number, f: (a: number, b: number) => number): Float64Array {
  return Float64Array.from({ length: x.length / 2 }, (_, i) => {
    const at = Math.floor(i / half) * 2 * half + i % half;
    return f(x[at], x[at + half]);
  });
}

type Pair = (a: Tensor, b: Tensor) => Tensor;
const pairs: [string, Pair, (a: number, b: number) => number][] = [
  ["add", ops.add, (a, b) => a + b],
  ["sub", ops.sub, (a, b) => a - b],
  ["mul", ops.mul, (a, b) => a * b],
  ["div", ops.div, (a, b) => a / b],
  ["minimum", ops.minimum, Math.min],
  ["maximum", ops.maximum, Math.max],
];
const shapes: [string, number[], number[]][] = [
  ["equal shapes", [3, 5, 7], [3, 5, 7]],
  ["a row", [4, 5, 7], [7]],
  ["a scalar", [4, 5, 7], [1]],
  ["a scalar on the left", [1], [4, 9]],
  ["a value a picture", [2, 6, 5, 3], [2, 1, 1, 3]],
  ["columns with rows", [5, 1], [1, 6]],
  ["alternating axes", [2, 1, 3, 1, 2], [1, 4, 3, 2, 1]],
  ["a row of 16 bytes", [3, 5, 16], [16]],
  ["columns of 16 bytes with values", [6, 16], [6, 1]],
  ["16 bytes a picture", [2, 3, 5, 8], [2, 1, 1, 8]],
  ["rows of kernels of 3 by 3", [40, 30, 3, 3], [40, 30, 3, 1]],
  ["columns of kernels of 3 by 3", [40, 30, 3, 3], [40, 30, 1, 3]],
  ["a value a row of 3", [50, 3, 1], [50, 1, 1]],
  ["a row for some of 5", [300, 1, 5], [300, 2, 5]],
];

for (const [name, build, formula] of pairs) {
  for (const [what, a, b] of shapes) {
    checkOp(`${name}() broadcasts ${what}`, {
      operands: [normal(a, 11), positive(b)],
      build,
      reference: (x, y) => broadcast(x, a, y, b, formula),
      gradient: name !== "minimum" && name !== "maximum",
    });
  }
}

function broadcast(
  x: Float64Array,
  a: number[],
  y: Float64Array,
  b: number[],
  f: (a: number, b: number) => number,
): Float64Array {
  const rank = Math.max(a.length, b.length);
  const [sa, sb] = [a, b].map((s) => [...new Array(rank - s.length).fill(1), ...s]);
  const shape = sa.map((d, i) => (d === 1 ? sb[i] : d));
  const out = new Float64Array(shape.reduce((n, d) => n * d, 1));
  out.forEach((_, k) => {
    let rest = k, ia = 0, ib = 0, stepA = 1, stepB = 1;
    for (let d = rank - 1; d >= 0; d--) {
      const at = rest % shape[d];
      rest = Math.floor(rest / shape[d]);
      ia += (sa[d] === 1 ? 0 : at) * stepA;
      ib += (sb[d] === 1 ? 0 : at) * stepB;
      stepA *= sa[d];
      stepB *= sb[d];
    }
    out[k] = f(x[ia], y[ib]);
  });
  return out;
}
