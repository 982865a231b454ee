/** torch.optim's classes, step by step against recorded numbers of PyTorch itself. */

import assert from "node:assert/strict";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { TrainingStep } from "../../../src/training/step.ts";
import { allocateGroups, gradientOf, type ParameterGroup } from "../../../src/training/trainable.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { device, testOnEach } from "../../kernels/devices.ts";
import torch from "./torch.json" with { type: "json" };

const N = 12;

/** The rule in torch.json. */
function u(k: number, i: number): number {
  let x = (k * 7919 + i * 104729 + 12345) >>> 0;
  x = Math.imul(x ^ x >>> 16, 0x7feb352d) >>> 0;
  x = Math.imul(x ^ x >>> 15, 0x846ca68b) >>> 0;
  return ((x ^ x >>> 16) >>> 0) / 2 ** 31 - 1;
}
const numbers = (of: (i: number) => number) => Float32Array.from({ length: N }, (_, i) => of(i));

testOnEach("every optimizer of torch.optim makes PyTorch's steps", async (backend) => {
  for (const { name, args, after } of torch.cases) {
    const store = new ParameterStore(device(backend));
    const groups: ParameterGroup[] = [{
      name: "w",
      learningRate: 0.01,
      parameters: [{ name: "w", shape: [N] }],
    }];
    allocateGroups(store, groups);
    store.set("w", numbers((i) => u(1, i)));
    const step = new TrainingStep(store, {
      groups,
      record: () => {
        throw new Error("only update is run");
      },
      optimizer: readOptimizer(name, args),
      maxGradNorm: 0,
      gradientAccumulationSteps: 1,
      scaleLoss: false,
    });
    for (let k = 1; k <= 20; k++) {
      store.set(gradientOf("w"), numbers((i) => 0.5 * u(2, i) + u(100 + k, i)));
      await step.update([k <= 10 || name === "ASGD" ? 0.01 : 0.005]);
      const wanted = (after as Record<string, number[]>)[k];
      if (!wanted) continue;
      const start = numbers((i) => u(1, i)), moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
      const error = relL2(moved(store.download("w")), moved(wanted));
      assert.ok(error < 2e-5, `${name} ${args.join(" ")}, step ${k}: the change is ${error} off`);
    }
    step.destroy();
    store.destroy();
  }
});

testOnEach(
  "an update that is not finite leaves weights and states alone, whatever the optimizer",
  async (backend) => {
    for (const name of ["AdamW", "Lion", "SGDNesterov", "Adadelta", "RMSprop"]) {
      const store = new ParameterStore(device(backend));
      const groups: ParameterGroup[] = [{
        name: "w",
        learningRate: 1,
        parameters: [{ name: "w", shape: [N] }],
      }];
      allocateGroups(store, groups);
      store.set("w", numbers((i) => u(1, i)));
      const optimizer = readOptimizer(name, null);
      const step = new TrainingStep(store, {
        ...{ groups, optimizer, maxGradNorm: 0, gradientAccumulationSteps: 1, scaleLoss: false },
        record: () => {
          throw new Error("only update is run");
        },
      });
      const kept = ["w", ...Object.keys(optimizer.states).map((state) => `train/0/${state}`)];
      const values = () => kept.map((name) => store.download(name));
      const run = async (gradient: number, lr: number) => {
        store.set(gradientOf("w"), numbers((i) => gradient * u(3, i)));
        return (await step.update([lr])).heldBack;
      };
      assert.equal(await run(1, 0.01), null);
      const before = values();
      assert.equal(await run(NaN, 0.01), "gradients", name);
      assert.deepEqual(values(), before, name);
      assert.equal(await run(1, 3e38), "weights", name);
      assert.deepEqual(values(), before, name);
      step.destroy();
      store.destroy();
    }
  },
);
