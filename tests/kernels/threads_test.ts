/** Bits do not depend on the number of threads: every op that shares out its work, forward and backward. */
import assert from "node:assert/strict";
import * as ops from "../../src/graph/mod.ts";
import { compile, gradients, Graph, type Tensor } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { normal } from "./check_op.ts";
import { identical } from "./identical.ts";

interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...x: Tensor[]) => Tensor;
}

const PAD = { pad: [1, 1, 1, 1] } as const;
const rows = (name: string, build: Case["build"], ...shapes: number[][]): [string, Case] => [
  `${name} of ${shapes.map((shape) => `[${shape}]`).join(" ")}`,
  { shapes, build },
];
const CASES: readonly [string, Case][] = [
  rows("geglu", (x) => ops.geglu(x), [37, 600]),
  rows("silu and gelu", (x) => ops.add(ops.silu(x), ops.gelu(x)), [70001]),
  rows("layerNorm", (x, c) => ops.layerNorm(x, c, c, { eps: 1e-5 }), [301, 72], [72]),
  rows(
    "groupNorm with silu",
    (x, c) => ops.silu(ops.groupNorm(x, c, c, { groups: 8, eps: 1e-5 })),
    [2, 41, 40, 40],
    [40],
  ),
  rows("sum", (x) => ops.sum(x), [300001]),
  rows("sum over rows", (x) => ops.sum(x, [0]), [515, 130]),
  rows("sum over columns", (x) => ops.sum(x, [1]), [515, 130]),
  rows("linear", (x, w, b) => ops.linear(x, w, b), [200, 96], [72, 96], [72]),
  rows("linear with few rows", (x, w, b) => ops.linear(x, w, b), [3, 1280], [320, 1280], [320]),
  rows("linear, narrow", (x, w) => ops.linear(x, w), [1024, 64], [16, 64]),
  rows("linear of odd sizes", (x, w, b) => ops.linear(x, w, b), [29, 83], [35, 83], [35]),
  rows("linear, long", (x, w) => ops.linear(x, w), [64, 4096], [32, 4096]),
  rows("conv2d 3x3", (x, w, b) => ops.conv2d(x, w, b, PAD), [1, 16, 16, 32], [32, 32, 3, 3], [32]),
  rows("conv2d of 4 channels", (x, w, b) => ops.conv2d(x, w, b, PAD), [1, 16, 16, 4], [32, 4, 3, 3], [32]),
  rows("conv2d to 4 channels", (x, w, b) => ops.conv2d(x, w, b, PAD), [1, 16, 16, 32], [4, 32, 3, 3], [4]),
  rows("conv2d of odd sizes", (x, w, b) => ops.conv2d(x, w, b, PAD), [2, 5, 7, 17], [13, 17, 3, 3], [13]),
  rows("conv2d 1x1", (x, w, b) => ops.conv2d(x, w, b), [2, 8, 8, 64], [32, 64, 1, 1], [32]),
  rows(
    "conv2d 3x3, stride 2",
    (x, w, b) => ops.conv2d(x, w, b, { ...PAD, stride: 2 }),
    [1, 16, 16, 32],
    [32, 32, 3, 3],
    [32],
  ),
  ...[40, 64].flatMap((width) =>
    [77, 256].map((keys) =>
      rows(
        "attention",
        (q, k, v) => ops.attention(q, k, v, { heads: 2 }),
        [1, 256, 2 * width],
        [1, keys, 2 * width],
        [1, keys, 2 * width],
      )
    )
  ),
];

/** Everything that comes of a case, with so many threads. */
async function outcome({ shapes, build }: Case, dtype: "f32" | "bf16", threads: number, frozen: boolean) {
  const device = openDevice("cpu", { threads }), store = new ParameterStore(device), graph = new Graph();
  const tensors = shapes.map((shape, k) => {
    store.upload(`x${k}`, shape, dtype, normal(shape, k + 1).values as Float32Array, {
      frozen: frozen && k > 0,
    });
    return graph.parameter(`x${k}`, shape, dtype);
  });
  const y = build(...tensors);
  graph.output("y", y);
  const seed = normal(y.shape, 9).values as Float32Array;
  store.upload("seed", y.shape, dtype, seed, { frozen: false });
  const trained = frozen ? tensors.slice(0, 1) : tensors;
  gradients(ops.sum(ops.mul(y, graph.parameter("seed", y.shape, dtype))), trained)
    .forEach((g, k) => graph.output(`d${k}`, g!));
  const program = await compile(graph, store);
  const out = await program.run();
  program.destroy();
  store.destroy();
  device.close();
  return out;
}

for (const [name, spec] of CASES) {
  Deno.test(`threads change nothing: ${name}`, async () => {
    for (const dtype of ["f32", "bf16"] as const) {
      for (const frozen of spec.shapes.length > 1 ? [true, false] : [false]) {
        const alone = await outcome(spec, dtype, 1, frozen);
        for (const threads of [2, 3]) {
          const shared = await outcome(spec, dtype, threads, frozen);
          for (const key of Object.keys(alone)) {
            const differ = alone[key].reduce(
              (n: number, v, k) => n + (Object.is(v, shared[key][k]) ? 0 : 1),
              0,
            );
            assert.equal(differ, 0, `${key} in ${dtype}${frozen ? ", frozen" : ""} with ${threads} threads`);
          }
        }
      }
    }
  });
}

Deno.test("threads change nothing: 1x1 convolutions in float32, which are products", async () => {
  for (const [I, O] of [[512, 64], [64, 320], [40, 24]]) {
    for (const side of [4, 9, 16]) {
      const spec: Case = {
        shapes: [[1, side, side, I], [O, I, 1, 1]],
        build: (x, w) => ops.conv2d(x, w),
      };
      const alone = await outcome(spec, "f32", 1, false);
      for (const threads of [2, 3, 4]) {
        const message = `${I} to ${O} at ${side} with ${threads} threads`;
        identical(await outcome(spec, "f32", threads, false), alone, message);
      }
    }
  }
});
