/**
 * checkOp(): one op on each backend against its formula in float64, in every dtype, and its gradients against central
 * differences of the formula. The formula is written in the test, not shared with the code under test.
 */

import assert from "node:assert/strict";
import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/base/dtype.ts";
import { compile, elements, gradients, Graph, mul, sum, type Tensor } from "../../src/graph/mod.ts";
import { ParameterStore } from "../../src/runtime/mod.ts";
import type { Backend } from "../../ffi/library.ts";
import { relL2 } from "../golden/compare.ts";
import { device, testOnEach } from "./devices.ts";

export { device };

/** An operand: float unless it is an Int32Array; frozen ones become parameters that the executor may repack. */
export interface Operand {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
  readonly frozen?: boolean;
}

export interface OpCase {
  readonly operands: readonly Operand[];
  readonly build: (...x: Tensor[]) => Tensor;
  /** The output's values, flat; called with each operand's values. */
  readonly reference: (...x: Float64Array[]) => ArrayLike<number>;
  readonly dtypes?: readonly DType[];
  /** Largest ||a - b|| / ||b||; bf16 and f16 also round the output. */
  readonly tolerance?: Partial<Record<DType, number>>;
  /** False: the op has no gradient. */
  readonly gradient?: boolean;
}

const TOLERANCE: Partial<Record<DType, number>> = { f32: 2e-6, f16: 1e-3, bf16: 8e-3 };

/** Defines one test for a case on each backend; `name` is a sentence. */
export function checkOp(name: string, spec: OpCase): void {
  testOnEach(name, async (backend) => {
    for (const dtype of spec.dtypes ?? ["f32", "f16", "bf16"] as const) {
      await checkDtype(name, spec, dtype, backend);
    }
  });
}

async function checkDtype(name: string, spec: OpCase, dtype: DType, backend: Backend): Promise<void> {
  const operands = spec.operands.map(({ shape, values, frozen }) => ({
    shape,
    frozen,
    dtype: values instanceof Int32Array ? "i32" as const : dtype,
    values: values instanceof Int32Array ? values : rounded(values, dtype),
  }));
  const exact = operands.map((o) => Float64Array.from(o.values));
  const store = new ParameterStore(device(backend));
  const graph = new Graph();
  const tensors = operands.map((o, i) => {
    if (!o.frozen) return graph.input(`x${i}`, o.shape, o.dtype);
    store.upload(`x${i}`, o.shape, o.dtype, o.values, { frozen: true });
    return graph.parameter(`x${i}`, o.shape, o.dtype);
  });
  const y = spec.build(...tensors);
  graph.output("y", y);
  const expected = spec.reference(...exact);
  const limit = spec.tolerance?.[dtype] ?? TOLERANCE[dtype]!;
  const weights = rounded(normal([elements(y.shape)], 7).values as Float32Array, dtype);
  const floats = operands.flatMap((o, i) => (o.dtype === "i32" ? [] : [i]));
  const differentiable = spec.gradient !== false;
  if (differentiable) {
    const loss = sum(mul(y, graph.input("weights", y.shape, dtype)));
    gradients(loss, floats.map((i) => tensors[i])).forEach((g, k) => g && graph.output(`d${floats[k]}`, g));
  }
  const inputs: Record<string, Float32Array | Int32Array> = differentiable ? { weights } : {};
  operands.forEach((o, i) => o.frozen || (inputs[`x${i}`] = o.values));
  const program = await compile(graph, store);
  try {
    const out = await program.run(inputs);
    judge(`${name}: ${dtype} forward`, relL2(out.y, expected), limit);
    if (!differentiable) return;
    for (const i of floats) {
      if (!out[`d${i}`]) continue;
      const at = positions(exact[i].length);
      const wanted = at.map((k) => difference(spec, exact, i, k, weights));
      judge(
        `${name}: ${dtype} gradient of operand ${i}`,
        relL2(at.map((k) => out[`d${i}`][k]), wanted),
        Math.max(4 * limit, 1e-5),
      );
    }
  } finally {
    program.destroy();
    for (const p of store.names()) store.free(p);
  }
}

function judge(what: string, error: number, limit: number): void {
  assert(error <= limit, `${what}: error ${error} is over ${limit}`);
}

/** d(sum(weights * reference)) / d(operand i at k), by a central difference in float64. */
function difference(
  spec: OpCase,
  exact: Float64Array[],
  i: number,
  k: number,
  weights: Float32Array,
): number {
  const h = 1e-5 * Math.max(1, Math.abs(exact[i][k]));
  const at = (value: number) => {
    const moved = exact.slice();
    moved[i] = exact[i].slice();
    moved[i][k] = value;
    const y = spec.reference(...moved);
    let total = 0;
    for (let n = 0; n < y.length; n++) total += weights[n] * y[n];
    return total;
  };
  return (at(exact[i][k] + h) - at(exact[i][k] - h)) / (2 * h);
}

/** All positions of a small operand, else 24 spread over it. */
function positions(length: number): number[] {
  if (length <= 24) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: 24 }, (_, i) => Math.floor((i + 0.37) * length / 24));
}

function rounded(values: Float32Array, dtype: DType): Float32Array {
  if (dtype === "bf16") return bf16ToF32(f32ToBf16(values));
  if (dtype === "f16") return f16ToF32(f32ToF16(values));
  return values;
}

/** Operands longer than this repeat: a number costs a tenth of a microsecond, and a real model's operand has tens of millions. */
const DRAWN = 1_000_003; // a prime, so that no two rows of a matrix are alike

/** Normal values of a shape, the same for a seed on every machine. */
export function normal(shape: readonly number[], seed = 1, scale = 1, shift = 0): Operand {
  let state = (seed * 2654435761) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 4294967297;
  };
  const values = new Float32Array(elements(shape)), drawn = Math.min(values.length, DRAWN);
  for (let i = 0; i < drawn; i++) {
    values[i] = shift + scale * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  }
  for (let done = drawn; done < values.length; done *= 2) values.copyWithin(done, 0, done);
  return { shape, values };
}

/** Given values as a vector. */
export function values(list: readonly number[]): Operand {
  return { shape: [list.length], values: Float32Array.from(list) };
}

/** Row numbers. */
export function ids(shape: readonly number[], list: readonly number[]): Operand {
  return { shape, values: Int32Array.from(list) };
}

/** The operand as a parameter that never changes. */
export function frozen(operand: Operand): Operand {
  return { ...operand, frozen: true };
}

/** The error function to about 1e-15: a series near 0, a continued fraction beyond. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 3) {
    let term = a, total = a;
    for (let n = 1; n < 80; n++) {
      term *= -a * a / n;
      total += term / (2 * n + 1);
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * total;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

export function normalCdf(x: number): number {
  return 0.5 * (1 + erf(x / Math.SQRT2));
}
