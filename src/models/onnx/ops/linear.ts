/** Matrix products and normalizations. */

import { binary, broadcast, product, reshaped, scalar, transpose, unary } from "../arrays.ts";
import { axisOf, broadcastShape, type Recording, size, Unsupported, type Value } from "../values.ts";
import type { Call, Operator } from "./call.ts";
import { normalized } from "./reduce.ts";

/** NumPy's matrixProduct: leading axes are broadcast. */
export function matrixProduct(r: Recording, a: Value, b: Value): Value {
  if (a.shape.length === 1) {
    const y = matrixProduct(r, reshaped(a, [1, ...a.shape]), b);
    return reshaped(y, [...y.shape.slice(0, -2), y.shape.at(-1)!]);
  }
  if (b.shape.length === 1) {
    const y = matrixProduct(r, a, reshaped(b, [...b.shape, 1]));
    return reshaped(y, y.shape.slice(0, -1));
  }
  const [m, k] = a.shape.slice(-2), [inner, n] = b.shape.slice(-2);
  if (k !== inner) throw new Unsupported(`[${a.shape}] times [${b.shape}] do not fit`);
  if (b.shape.length === 2) {
    const rows = size(a.shape) / k;
    const y = product(r, reshaped(a, [1, rows, k]), reshaped(b, [1, k, n]));
    return reshaped(y, [...a.shape.slice(0, -1), n]);
  }
  const lead = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), count = size(lead);
  const left = reshaped(broadcast(r, a, [...lead, m, k]), [count, m, k]);
  const right = reshaped(broadcast(r, b, [...lead, k, n]), [count, k, n]);
  return reshaped(product(r, left, right), [...lead, m, n]);
}

function gemm(c: Call): Value {
  const { r } = c;
  const turned = (x: Value, yes: number) => yes ? transpose(r, x, [1, 0]) : x;
  const y = matrixProduct(
    r,
    turned(c.input(0), c.number("transA", 0)),
    turned(c.input(1), c.number("transB", 0)),
  );
  const alpha = c.number("alpha", 1),
    beta = c.number("beta", 1),
    scaled = alpha === 1 ? y : scalar(r, "mul", y, alpha);
  if (!c.has(2) || beta === 0) return scaled;
  return binary(r, "add", scaled, beta === 1 ? c.input(2) : scalar(r, "mul", c.input(2), beta));
}

/** Two operands, each letter once in an operand: what attention is written as. */
function einsum(c: Call): Value {
  const { r } = c, equation = c.text("equation", "").replaceAll(" ", "");
  const [, p, q, out] = /^([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]*)$/.exec(equation) ?? [];
  if (p === undefined || [p, q, out].some((t) => new Set(t).size !== t.length)) {
    throw new Unsupported(`the equation ${equation} is not supported yet`);
  }
  const a = c.input(0), b = c.input(1);
  const batch = [...p].filter((l) => q.includes(l) && out.includes(l));
  const inner = [...p].filter((l) => q.includes(l) && !out.includes(l));
  const rows = [...p].filter((l) => !q.includes(l)), columns = [...q].filter((l) => !p.includes(l));
  if ([...rows, ...columns].some((l) => !out.includes(l))) {
    throw new Unsupported(`the equation ${equation} is not supported yet`);
  }
  const sizes = new Map([
    ...[...p].map((l, i) => [l, a.shape[i]] as const),
    ...[...q].map((l, i) => [l, b.shape[i]] as const),
  ]);
  const total = (letters: readonly string[]) => size(letters.map((l) => sizes.get(l)!));
  const ordered = (x: Value, own: string, letters: readonly string[]) =>
    transpose(r, x, letters.map((l) => own.indexOf(l)));
  const y = product(
    r,
    reshaped(ordered(a, p, [...batch, ...rows, ...inner]), [total(batch), total(rows), total(inner)]),
    reshaped(ordered(b, q, [...batch, ...inner, ...columns]), [total(batch), total(inner), total(columns)]),
  );
  const made = [...batch, ...rows, ...columns];
  return transpose(r, reshaped(y, made.map((l) => sizes.get(l)!)), [...out].map((l) => made.indexOf(l)));
}

function layerNorm(c: Call): Value {
  const { r } = c, x = c.input(0), rank = x.shape.length, axis = axisOf(c.number("axis", -1), rank);
  const axes = x.shape.map((_, i) => i).slice(axis);
  const y = binary(r, "mul", normalized(r, x, axes, c.number("epsilon", 1e-5)), c.input(1));
  return c.has(2) ? binary(r, "add", y, c.input(2)) : y;
}

/** A value for each channel, beside (N, C, ...). */
const byChannel = (x: Value, rank: number) => reshaped(x, [x.shape[0], ...Array(rank - 2).fill(1)]);

function batchNorm(c: Call): Value {
  const { r } = c, x = c.input(0), rank = x.shape.length;
  const deviation = unary(r, "sqrt", scalar(r, "add", c.input(4), c.number("epsilon", 1e-5)));
  const gain = binary(r, "div", c.input(1), deviation);
  const centred = binary(r, "sub", x, byChannel(c.input(3), rank));
  return binary(r, "add", binary(r, "mul", centred, byChannel(gain, rank)), byChannel(c.input(2), rank));
}

function instanceNorm(c: Call): Value {
  const { r } = c, x = c.input(0), rank = x.shape.length, axes = x.shape.map((_, i) => i).slice(2);
  const y = normalized(r, x, axes, c.number("epsilon", 1e-5));
  return binary(r, "add", binary(r, "mul", y, byChannel(c.input(1), rank)), byChannel(c.input(2), rank));
}

export const LINEAR: Readonly<Record<string, Operator>> = {
  MatMul: (c) => matrixProduct(c.r, c.input(0), c.input(1)),
  Gemm: gemm,
  Einsum: einsum,
  LayerNormalization: layerNorm,
  BatchNormalization: batchNorm,
  InstanceNormalization: instanceNorm,
};
