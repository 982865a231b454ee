/** Gradients of one batch are written in place of being added to what was cleared. */

import { deepEqual, ok } from "node:assert/strict";
import { add, type Graph, linear, mean, square, type Tensor } from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups } from "../../../src/training/step/trainable.ts";
import { normal } from "../../kernels/check_op.ts";
import { device } from "../../kernels/devices.ts";

const SHAPE = [8, 8],
  GROUPS = ["a", "b"].map((name) => ({
    name,
    learningRate: 1e-3,
    parameters: [{ name, shape: SHAPE }],
  }));
const INPUTS = { x: normal([3, 8], 1).values as Float32Array };

/** Two layers in a group each, the first one twice; a shape without `both` does not reach the second. */
function twoLayers(gradientAccumulationSteps: number, learning?: (step: number) => boolean[]) {
  const store = new ParameterStore(device("cpu"));
  allocateGroups(store, GROUPS);
  ["a", "b"].forEach((name, k) => store.set(name, normal(SHAPE, 2 + k).values as Float32Array));
  const step = new TrainingStep<{ both: boolean }>(store, {
    groups: GROUPS,
    record(graph: Graph, { both }) {
      const layer = (x: Tensor, name: string) => linear(x, graph.parameter(name, SHAPE));
      const x = layer(graph.input("x", [3, 8]), "a");
      return { loss: mean(square(both ? add(x, layer(layer(x, "b"), "a")) : x)) };
    },
    optimizer: readOptimizer("AdamW", null),
    maxGradNorm: 1,
    gradientAccumulationSteps,
    scaleLoss: false,
    learning,
  });
  const gradient = (name: string) => [...store.download(`grad/${name}`)];
  return { store, step, gradient, weights: () => [...store.download("a"), ...store.download("b")] };
}

const any = (values: readonly number[]) => values.some((v) => v !== 0);

Deno.test("a part that a batch does not reach, or that has stopped learning, has a gradient of 0", async () => {
  for (const learning of [undefined, (step: number) => [true, step === 0]]) {
    const { step, gradient } = twoLayers(1, learning);
    await step.backward({ both: true }, INPUTS);
    ok(any(gradient("b")));
    await step.update([1e-3, 1e-3]);
    await step.backward({ both: learning !== undefined }, INPUTS);
    ok(any(gradient("a")) && !any(gradient("b")), gradient("b").join());
    step.destroy();
  }
});

Deno.test("weights go the same way to the last bit as where gradients are gathered and cleared", async () => {
  const written = twoLayers(1), gathered = twoLayers(2);
  for (let k = 0; k < 3; k++) {
    await written.step.backward({ both: true }, INPUTS);
    for (let n = 0; n < 2; n++) await gathered.step.backward({ both: true }, INPUTS);
    for (const { step } of [written, gathered]) await step.update([1e-3, 1e-3]);
    ok(any(written.gradient("a")) && !any(gathered.gradient("a")));
  }
  deepEqual(written.weights(), gathered.weights()); // half of a gradient twice is the gradient
  for (const { step } of [written, gathered]) step.destroy();
});
