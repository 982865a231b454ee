/** Products of bf16 that read weights in float32 and round them as they are packed: what a cast would have given. */

import { deepEqual, ok } from "node:assert/strict";
import {
  add,
  cast,
  compile,
  conv2d,
  gradients,
  Graph,
  linear,
  matmul,
  mul,
  sum,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";
import { relL2 } from "../../golden/compare.ts";
import { identical } from "../identical.ts";
import { withEnvironment } from "../devices.ts";

const WAYS: readonly [K: number, N: number, build: (x: Tensor, w: Tensor, graph: Graph) => Tensor][] = [
  [576, 640, (x, w) => linear(x, w)],
  [640, 703, (x, w) => matmul(x, cast(w, "bf16"))],
  [641, 577, (x, w) => linear(x, w)],
  [641, 577, (x, w) => matmul(x, cast(w, "bf16"))],
  [1300, 400, (x, w, graph) => add(linear(x, w), graph.input("residual", [35, 400], "bf16"))], // two depths
];

Deno.test("weights in float32 give the same bits, cast before or rounded as they are read", async () => {
  for (const [K, N, build] of WAYS) {
    const outcomes: ArrayLike<number>[] = [];
    for (const [wideWeights, threads] of [[false, 1], [undefined, 1], [undefined, 2]] as const) {
      const device = openDevice("cpu", { threads }), store = new ParameterStore(device), graph = new Graph();
      const y = (w: Tensor) => build(graph.input("x", [35, K], "bf16"), w, graph);
      const linearly = /linear/.test(String(build)), shape = linearly ? [N, K] : [K, N];
      store.upload("w", shape, "f32", normal(shape, 1).values as Float32Array);
      graph.output("y", y(graph.parameter("w", shape)));
      const program = await compile(graph, store, wideWeights === undefined ? {} : { wideWeights });
      const { isa, features, rounds_weights } = device.info();
      deepEqual(rounds_weights, Boolean(isa === "v4" && features?.avx512_bf16));
      const rounds = rounds_weights && wideWeights === undefined;
      deepEqual(program.tables.listing.length, rounds ? 1 : 2, program.tables.listing.join("\n"));
      const inputs = { x: normal([35, K], 2).values, residual: normal([35, N], 3).values };
      outcomes.push((await program.run(K === 1300 ? inputs : { x: inputs.x })).y);
      program.destroy();
      store.destroy();
      device.close();
    }
    identical(outcomes[1], outcomes[0]);
    identical(outcomes[2], outcomes[0]);
  }
});

/** A convolution's outputs and the gradient of its inputs, of weights that are cast (wideWeights: false) or not. */
async function convolved(
  shape: readonly [O: number, I: number, KH: number, KW: number],
  pad: [top: number, bottom: number, left: number, right: number],
  wideWeights: boolean | undefined,
  threads: number,
): Promise<Record<string, Float32Array>> {
  const device = openDevice("cpu", { threads }), store = new ParameterStore(device), graph = new Graph();
  const size = [1, 5, 7, shape[1]], x = graph.input("x", size, "bf16");
  store.upload("w", shape, "f32", normal(shape, 1).values as Float32Array);
  const y = conv2d(x, graph.parameter("w", shape), undefined, { pad });
  graph.output("y", y);
  const dy = graph.input("dy", y.shape, "bf16");
  graph.output("dx", gradients(sum(cast(mul(y, dy), "f32")), [x])[0]!);
  const program = await compile(graph, store, wideWeights === undefined ? {} : { wideWeights });
  const wide = program.tables.listing.filter((line) => /^conv2d.* f32/.test(line)).length;
  deepEqual(wide, device.info().rounds_weights && wideWeights === undefined ? 2 : 0);
  const outcome = await program.run({ x: normal(size, 2).values, dy: normal(y.shape, 3).values });
  program.destroy();
  store.destroy();
  device.close();
  return outcome as Record<string, Float32Array>;
}

Deno.test("so do convolutions' weights, for the outputs and for the gradient of the inputs", async () => {
  const [cast, alone, both] = await Promise.all(
    ([[false, 1], [undefined, 1], [undefined, 2]] as const).map(([wide, threads]) =>
      convolved([320, 96, 3, 3], [1, 1, 1, 1], wide, threads)
    ),
  );
  ok(cast.y.some((v) => v !== 0) && cast.dx.some((v) => v !== 0));
  identical(alone, cast);
  identical(both, cast);
});

/** By tiles, where there are any, and by vectors. */
const WAYS_TO_MULTIPLY: readonly Record<string, string>[] = [{}, { EASEL_CPU_AMX: "never" }];

// oneDNN makes the gradient where weights are cast.
Deno.test("they come out right where borders are wider than the kernel reaches", async () => {
  for (
    const [kernel, pad] of [[1, [1, 1, 1, 1]], [1, [0, 2, 1, 3]], [2, [2, 3, 4, 0]], [3, [
      4,
      0,
      3,
      4,
    ]]] as const
  ) {
    for (const way of WAYS_TO_MULTIPLY) {
      const shape = [512, 512, kernel, kernel] as const;
      const cast = await convolved(shape, [...pad], false, 2);
      const read = await withEnvironment(way, () => convolved(shape, [...pad], undefined, 2));
      for (const name of ["y", "dx"]) ok(relL2(read[name], cast[name]) < 4e-3, `${name}: ${kernel} ${pad}`);
    }
  }
});

/** Makes the program that `build` records of a parameter w; whether something in it reads float32. */
async function made(
  device: Device,
  shape: readonly number[],
  build: (graph: Graph, w: Tensor) => void,
): Promise<boolean> {
  const store = new ParameterStore(device), graph = new Graph();
  store.allocate("w", shape, "f32");
  build(graph, graph.parameter("w", shape));
  try {
    const program = await compile(graph, store);
    program.destroy();
    return program.tables.listing.some((line) => /^(matmul|conv2d)/.test(line) && line.includes("f32"));
  } finally {
    store.destroy();
  }
}

Deno.test("what weights are left in float32 for, by their shapes alone, the library takes", async () => {
  const device = openDevice("cpu", { threads: 2 }), seen = new Set<boolean>();
  for (const rows of [7, 8]) {
    for (
      const [K, N] of [[63, 4200], [64, 4096], [65, 4097], [641, 577], [9000, 31], [300000, 1], [1, 300000]]
    ) {
      for (const [transA, transB] of [[false, true], [false, false], [true, false], [true, true]]) {
        for (const stack of [[], [3]]) {
          seen.add(
            await made(device, [...stack, ...transB ? [N, K] : [K, N]], (graph, w) => {
              const x = graph.input("x", [...stack, ...transA ? [K, rows] : [rows, K]], "bf16");
              const y = matmul(x, cast(w, "bf16"), { transA, transB });
              graph.output("y", y);
              graph.output("dx", gradients(sum(cast(y, "f32")), [x])[0]!);
            }),
          );
        }
      }
    }
  }
  for (const [O, I] of [[512, 512], [513, 512], [512, 520], [1024, 32], [32, 1024], [4096, 64], [64, 4096]]) {
    for (const kernel of [1, 2, 3, 5, 7]) {
      if (kernel > 3 && O !== 1024) continue; // their weights are large
      for (const [stride, pad] of [[1, 0], [1, 1], [1, 4], [2, 0], [2, 1]]) {
        for (const [H, W] of [[1, 7], [8, 1], [7, 9]]) {
          if (Math.min(H, W) + 2 * pad < kernel) continue;
          seen.add(
            await made(device, [O, I, kernel, kernel], (graph, w) => {
              const x = graph.input("x", [1, H, W, I], "bf16");
              const y = conv2d(x, w, undefined, { stride, pad: [pad, pad, pad, pad] });
              graph.output("y", y);
              graph.output("dx", gradients(sum(cast(y, "f32")), [x])[0]!);
            }),
          );
        }
      }
    }
  }
  deepEqual(seen, new Set(device.info().rounds_weights ? [true, false] : [false]));
  device.close();
});
