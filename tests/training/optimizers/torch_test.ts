/** torch.optim's classes, step by step against recorded numbers of PyTorch itself. */

import assert from "node:assert/strict";
import { gradientOf } from "../../../src/training/step/trainable.ts";
import { device, testOnEach } from "../../kernels/devices.ts";
import { N, numbers, recordedRun, u } from "./recorded_steps.ts";
import torch from "./torch.json" with { type: "json" };

interface Recorded {
  readonly name: string;
  readonly args: readonly string[];
  /** Of the one parameter; absent: one axis. */
  readonly shape?: readonly number[];
  /** Weights by the step. */
  readonly after: Readonly<Record<string, readonly number[]>>;
}

testOnEach("every optimizer of torch.optim makes PyTorch's steps", async (backend) => {
  for (const { name, args, shape = [N], after } of torch.cases as readonly Recorded[]) {
    using run = recordedRun(device(backend), name, args, [shape]);
    for (let k = 1; k <= 20; k++) {
      await run.update(k, [k <= 10 ? 0.01 : 0.005]);
      const wanted = after[k];
      if (!wanted) continue;
      const error = run.changeError(wanted);
      assert.ok(error < 2e-5, `${name} ${args.join(" ")}, step ${k}: the change is ${error} off`);
    }
  }
});

testOnEach(
  "without a gradient, as a LoRA's first matrices are at first, weights stay finite",
  async (backend) => {
    const bare = [
      ["torch.optim.Adafactor", "eps=(1e-30,0.001)"],
      ["torch.optim.Adafactor", "eps=(0,0)"],
      ["torch.optim.Muon", "eps=0"],
    ];
    for (const [name, ...args] of bare) {
      using run = recordedRun(device(backend), name, args, [[3, 4]]);
      run.store.set(gradientOf("w0"), new Float32Array(12));
      assert.equal((await run.step.update([0.01])).heldBack, null, `${name} ${args}`);
    }
  },
);

testOnEach(
  "an update that is not finite leaves weights, states and numbers alone, whatever the optimizer",
  async (backend) => {
    for (const name of ["AdamW", "Lion", "SGDNesterov", "Adadelta", "RMSprop", "Prodigy", "DAdaptAdaGrad"]) {
      using run = recordedRun(device(backend), name, null);
      const { step, store } = run, { optimizer } = step.options;
      const kept = ["train/0", ...Object.keys(optimizer.states).map((state) => `train/0/${state}`)];
      const values = () => [...kept.map((name) => store.download(name)), step.state.numbers];
      const after = async (gradient: number, lr: number) => {
        store.set(gradientOf("w0"), numbers((i) => gradient * u(3, i)));
        return (await step.update([lr])).heldBack;
      };
      assert.equal(await after(1, 0.01), null);
      const before = values();
      assert.equal(await after(NaN, 0.01), "gradients", name);
      assert.deepEqual(values(), before, name);
      // with a rate of its own the first rate of that size is too small still
      assert.equal(await after(1, optimizer.shared ? Infinity : 3e38), "weights", name);
      assert.deepEqual(values(), before, name);
    }
  },
);
