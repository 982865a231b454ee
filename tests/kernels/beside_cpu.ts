/** Computations on a GPU beside the same on the CPU, whose ops are held to their formulas elsewhere: for sizes at which a formula takes minutes. */

import assert from "node:assert/strict";
import type { DType } from "../../src/base/dtype.ts";
import { compile, gradients, Graph, mul, sum, type Tensor } from "../../src/graph/mod.ts";
import { type Device, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { device, noCuda } from "./devices.ts";

export interface Beside {
  readonly shapes: readonly (readonly number[])[];
  readonly dtype: DType;
  /** The second operand is frozen. */
  readonly build: (...x: Tensor[]) => Tensor;
}

const LIMITS: Partial<Record<DType, number>> = { f32: 2e-6, f16: 2e-3, bf16: 2e-2 };

/** The output, and the gradients of all operands but the second; `scratch` is told the program's bytes of scratch. */
export async function outcome(
  device: Device,
  { shapes, build, dtype }: Beside,
  scratch: (bytes: number) => void = () => {},
): Promise<Record<string, Float32Array>> {
  const store = new ParameterStore(device), g = new Graph();
  const inputs: Record<string, Float32Array> = {};
  const x = shapes.map((shape, i) => {
    const values = normal(shape, i + 1).values as Float32Array;
    if (i === 1) {
      store.upload("x1", shape, dtype, values, { frozen: true });
      return g.parameter("x1", shape, dtype);
    }
    inputs[`x${i}`] = values;
    return g.input(`x${i}`, shape, dtype);
  });
  const y = build(...x);
  g.output("y", y);
  inputs.weights = normal(y.shape, 9).values as Float32Array;
  gradients(sum(mul(y, g.input("weights", y.shape, dtype))), x.filter((_, i) => i !== 1))
    .forEach((d, i) => d && g.output(`d${i}`, d));
  const program = await compile(g, store);
  const out = await program.run(inputs) as Record<string, Float32Array>;
  scratch(program.memory.scratchBytes);
  program.destroy();
  store.free("x1");
  return out;
}

/** Fails unless both came to the same within the dtype's rounding. */
export function agree(
  name: string,
  dtype: DType,
  got: Record<string, Float32Array>,
  wanted: Record<string, Float32Array>,
): void {
  assert.deepEqual(Object.keys(got), Object.keys(wanted));
  for (const [output, values] of Object.entries(wanted)) {
    const error = relL2(got[output], values);
    assert.ok(error <= LIMITS[dtype]!, `${name}: ${output} differs by ${error}`);
  }
}

/** Defines a test that does. */
export function besideCpu(name: string, each: Beside): void {
  Deno.test({
    name: `${name} (cuda)`,
    ignore: noCuda !== null,
    fn: async () =>
      agree(name, each.dtype, await outcome(device("cuda"), each), await outcome(device("cpu"), each)),
  });
}
