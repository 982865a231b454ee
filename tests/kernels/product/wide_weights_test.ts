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
  sum,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";

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
      const { isa, features } = device.info();
      const rounds = isa === "v4" && features?.avx512_bf16 && !features.amx && wideWeights === undefined;
      deepEqual(program.tables.listing.length, rounds ? 1 : 2, program.tables.listing.join("\n"));
      const inputs = { x: normal([35, K], 2).values, residual: normal([35, N], 3).values };
      outcomes.push((await program.run(K === 1300 ? inputs : { x: inputs.x })).y);
      program.destroy();
      store.destroy();
      device.close();
    }
    deepEqual(outcomes[1], outcomes[0]);
    deepEqual(outcomes[2], outcomes[0]);
  }
});

Deno.test("so do convolutions' weights, for the outputs and for the gradient of the inputs", async () => {
  const shape = [320, 96, 3, 3], outcomes: Record<string, ArrayLike<number>>[] = [];
  for (const [wideWeights, threads] of [[false, 1], [undefined, 1], [undefined, 2]] as const) {
    const device = openDevice("cpu", { threads }), store = new ParameterStore(device), graph = new Graph();
    const x = graph.input("x", [1, 5, 7, 96], "bf16");
    store.upload("w", shape, "f32", normal(shape, 1).values as Float32Array);
    const y = conv2d(x, graph.parameter("w", shape), undefined, { pad: [1, 1, 1, 1] });
    graph.output("y", y);
    graph.output("dx", gradients(sum(cast(y, "f32")), [x])[0]!);
    const program = await compile(graph, store, wideWeights === undefined ? {} : { wideWeights });
    const outcome = await program.run({ x: normal([35, 96], 2).values });
    ok(outcome.y.some((v) => v !== 0) && outcome.dx.some((v) => v !== 0));
    outcomes.push(outcome);
    program.destroy();
    store.destroy();
    device.close();
  }
  deepEqual(outcomes[1], outcomes[0]);
  deepEqual(outcomes[2], outcomes[0]);
});
