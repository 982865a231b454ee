// Attention in bf16 by whole matrices, beside attention in float32 of the same rounded numbers, which
// attention_test.ts holds against its formula: what blocks, parts, panels and squares of the CPU's kernels begin and
// end at, with tiles of AMX where the processor has them.

import assert from "node:assert/strict";
import { bf16ToF32, type DType, f32ToBf16 } from "../../src/base/dtype.ts";
import { attention, compile, gradients, Graph, mul, sum } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { identical } from "./identical.ts";

interface Sizes {
  batch: number;
  queries: number;
  keys: number;
  heads: number;
  width: number;
  causal?: boolean;
}

/** attention, and its gradients for weights of the outcome that are drawn. */
async function attended(s: Sizes, dtype: DType, threads: number): Promise<Record<string, Float32Array>> {
  const own = openDevice("cpu", { threads }), store = new ParameterStore(own), graph = new Graph();
  const inputs: Record<string, Float32Array> = {};
  const operands = [s.queries, s.keys, s.keys, s.queries].map((length, i) => {
    const shape = [s.batch, length, s.heads * s.width];
    inputs[`x${i}`] = bf16ToF32(f32ToBf16(normal(shape, i + 1).values as Float32Array));
    return graph.input(`x${i}`, shape, dtype);
  });
  const [q, k, v, weights] = operands, y = attention(q, k, v, { heads: s.heads, causal: s.causal });
  graph.output("y", y);
  gradients(sum(mul(y, weights)), [q, k, v]).forEach((g, i) => graph.output(["dq", "dk", "dv"][i], g!));
  const program = await compile(graph, store), out = await program.run(inputs);
  program.destroy();
  store.destroy();
  own.close();
  return out as Record<string, Float32Array>;
}

const cases: Sizes[] = [
  { batch: 1, queries: 1100, keys: 333, heads: 1, width: 40 },
  { batch: 1, queries: 530, keys: 77, heads: 3, width: 40 },
  { batch: 2, queries: 77, keys: 77, heads: 2, width: 64, causal: true },
  { batch: 1, queries: 600, keys: 600, heads: 1, width: 64, causal: true },
  { batch: 1, queries: 1100, keys: 1100, heads: 1, width: 24, causal: true },
  { batch: 1, queries: 600, keys: 600, heads: 2, width: 46, causal: true },
  { batch: 2, queries: 273, keys: 129, heads: 1, width: 34 },
  { batch: 1, queries: 290, keys: 77, heads: 2, width: 64 },
  { batch: 1, queries: 40, keys: 4190, heads: 1, width: 64 },
  { batch: 1, queries: 70, keys: 333, heads: 2, width: 50 },
  { batch: 1, queries: 90, keys: 200, heads: 1, width: 80 },
  { batch: 1, queries: 90, keys: 1100, heads: 2, width: 40 },
  { batch: 1, queries: 64, keys: 64, heads: 3, width: 160 },
  { batch: 1, queries: 33, keys: 49, heads: 2, width: 2 },
];

for (const s of cases) {
  Deno.test(`attention and its gradients in bf16 are those in float32 ${JSON.stringify(s)}`, async () => {
    const exact = await attended(s, "f32", 2), alone = await attended(s, "bf16", 1);
    for (const [name, values] of Object.entries(exact)) {
      const error = relL2(alone[name], values);
      assert.ok(error < 8e-3, `${name}: error ${error}`);
    }
    identical(await attended(s, "bf16", 3), alone);
  });
}
