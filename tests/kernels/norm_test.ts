import { deepStrictEqual } from "node:assert/strict";
import { add, compile, Graph, groupNorm, layerNorm, silu } from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { checkOp, normal } from "./check_op.ts";
import { device, testOnEach, withEnvironment } from "./devices.ts";

const EPS = 1e-5;

/** (x - mean) / sqrt(variance + eps) over the elements that share a key. */
function normalised(x: Float64Array, key: (i: number) => number): Float64Array {
  const n: number[] = [], mean: number[] = [], variance: number[] = [];
  x.forEach((v, i) => {
    const k = key(i);
    n[k] = (n[k] ?? 0) + 1;
    mean[k] = (mean[k] ?? 0) + v;
  });
  mean.forEach((v, k) => mean[k] = v / n[k]);
  x.forEach((v, i) => variance[key(i)] = (variance[key(i)] ?? 0) + (v - mean[key(i)]) ** 2 / n[key(i)]);
  return x.map((v, i) => (v - mean[key(i)]) / Math.sqrt(variance[key(i)] + EPS));
}

for (
  const [shape, groups] of [
    [[2, 4, 5, 12], 3],
    [[1, 3, 3, 8], 8],
    [[2, 70, 64], 32],
    [[1, 9, 9, 520], 4],
    [[2, 40, 41, 16], 2],
    [[1, 1030, 15], 1],
  ] as const
) {
  const C = shape[shape.length - 1], pixels = shape.slice(1, -1).reduce<number>((n, d) => n * d, 1);
  const key = (i: number) => Math.floor(i / (pixels * C)) * groups + Math.floor(i % C / (C / groups));
  for (const activated of [false, true]) {
    checkOp(`groupNorm() of [${shape}] in ${groups} groups${activated ? " with silu" : ""}`, {
      operands: [normal(shape, 1, 2, 0.5), normal([C], 2, 0.5, 1), normal([C], 3)],
      build: (x, gamma, beta) => {
        const y = groupNorm(x, gamma, beta, { groups, eps: EPS });
        return activated ? silu(y) : y;
      },
      reference: (x, gamma, beta) =>
        normalised(x, key).map((v, i) => {
          const y = v * gamma[i % C] + beta[i % C];
          return activated ? y / (1 + Math.exp(-y)) : y;
        }),
      tolerance: { f32: 4e-6 },
    });
  }
}

checkOp("groupNorm() keeps its digits where the mean is far from 0", {
  operands: [normal([1, 16, 16, 8], 1, 0.1, 100), normal([8], 2, 0.5, 1), normal([8], 3)],
  build: (x, gamma, beta) => groupNorm(x, gamma, beta, { groups: 2, eps: EPS }),
  reference: (x, gamma, beta) =>
    normalised(x, (i) => Math.floor(i % 8 / 4)).map((v, i) => v * gamma[i % 8] + beta[i % 8]),
  dtypes: ["f32"],
  tolerance: { f32: 1e-4 }, // x itself has 7 digits, of which the mean takes 3
});

// As everywhere else: -infinity times 0.
testOnEach("groupNorm() with silu gives NaN where the norm is -infinity", async (backend) => {
  const at = (isa: string) => withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu"));
  for (const on of backend === "cpu" ? ["v2", "v3", "v4"].map(at) : [device(backend)]) {
    for (const dtype of ["f32", "f16", "bf16"] as const) {
      const store = new ParameterStore(on), graph = new Graph();
      const x = graph.input("x", [1, 2, 40], dtype), beta = graph.input("beta", [40], dtype);
      const gamma = graph.input("gamma", [40], dtype);
      graph.output("y", silu(groupNorm(x, gamma, beta, { groups: 1, eps: EPS })));
      const program = await compile(graph, store);
      const special = Float32Array.from({ length: 40 }, (_, k) => [-Infinity, 0, NaN][k % 3]);
      const ones = new Float32Array(80).fill(1);
      const { y } = await program.run({ x: ones, gamma: ones.subarray(40), beta: special });
      deepStrictEqual([...y].map(Number.isNaN), [...special, ...special].map((b) => b !== 0), dtype);
      program.destroy();
      store.destroy();
    }
  }
});

for (const shape of [[3, 5], [2, 7, 64], [130, 33], [150, 16], [2, 1288]]) {
  const C = shape[shape.length - 1];
  checkOp(`layerNorm() of [${shape}]`, {
    operands: [normal(shape, 1, 2, 0.5), normal([C], 2, 0.5, 1), normal([C], 3)],
    build: (x, gamma, beta) => layerNorm(x, gamma, beta, { eps: EPS }),
    reference: (x, gamma, beta) =>
      normalised(x, (i) => Math.floor(i / C)).map((v, i) => v * gamma[i % C] + beta[i % C]),
    tolerance: { f32: 4e-6 },
  });
}

// Around the norm runs a skip, whose gradient the norm's adds to its own as it writes.
for (const shape of [[2, 7, 64], [130, 33], [2, 1288]]) {
  const C = shape[shape.length - 1];
  checkOp(`layerNorm() of [${shape}] beside a skip`, {
    operands: [normal(shape, 1, 2, 0.5), normal([C], 2, 0.5, 1)],
    build: (x, gamma) => add(x, layerNorm(x, gamma, gamma, { eps: EPS })),
    reference: (x, gamma) =>
      normalised(x, (i) => Math.floor(i / C)).map((v, i) => x[i] + (v + 1) * gamma[i % C]),
    tolerance: { f32: 4e-6 },
  });
}
for (const [C, activated] of [[64, true], [64, false], [12, true]] as const) {
  const groups = 4,
    pixels = 20,
    key = (i: number) => Math.floor(i / (pixels * C)) * groups + Math.floor(i % C / (C / groups));
  checkOp(`groupNorm() of ${C} channels${activated ? " with silu" : ""} beside a skip`, {
    operands: [normal([2, 4, 5, C], 1, 2, 0.5), normal([C], 2, 0.5, 1)],
    build: (x, gamma) => {
      const y = groupNorm(x, gamma, gamma, { groups, eps: EPS });
      return add(x, activated ? silu(y) : y);
    },
    reference: (x, gamma) =>
      normalised(x, key).map((v, i) => {
        const y = (v + 1) * gamma[i % C];
        return x[i] + (activated ? y / (1 + Math.exp(-y)) : y);
      }),
    tolerance: { f32: 4e-6 },
  });
}
