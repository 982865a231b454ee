/** Schedules that move the momentum too (OneCycleLR, CyclicLR), against PyTorch 2.13. */
import { match, ok, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { createSchedule } from "../../../src/training/schedules/schedule.ts";
import { createRates } from "../../../src/training/step/rates.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups } from "../../../src/training/step/trainable.ts";
import { device } from "../../kernels/devices.ts";
import { trainNetworkDefaults } from "../defaults.ts";
import { listening, tinyRun } from "../tiny_run.ts";
import recorded from "./torch_momenta.json" with { type: "json" };

const config = { ...trainNetworkDefaults, learningRate: 1, maxTrainSteps: 13 };
const oneCycle = { lrSchedulerType: "OneCycleLR", lrSchedulerArgs: ["max_lr=0.05", "total_steps=8"] };

Deno.test("OneCycleLR and CyclicLR give PyTorch's rates and momenta", () => {
  for (const [type, args, rates, momenta] of recorded.schedules as [string, string[], number[], number[]][]) {
    const schedule = createSchedule({ ...config, lrSchedulerType: type, lrSchedulerArgs: args });
    rates.forEach((rate, step) => {
      const found = [schedule(step, 0.5), schedule.momentum!(step)];
      const close = Math.abs(found[0] - rate) < 1e-9 && Math.abs(found[1] - momenta[step]) < 1e-9;
      ok(close, `${type} ${args} at ${step}: ${found}, not ${[rate, momenta[step]]}`);
    });
  }
});

for (const [type, wanted, args] of recorded.steps as [string, number[], string[]?][]) {
  Deno.test(`${type} with OneCycleLR makes PyTorch's weights`, async () => {
    const store = new ParameterStore(device("cpu")), optimizer = readOptimizer(type, args ?? null, true);
    const groups = [{ name: "unet", learningRate: 1, parameters: [{ name: "w", shape: [4] }] }];
    allocateGroups(store, groups);
    store.set("w", Float32Array.of(0.5, -1, 2, 0.1));
    const rates = createRates({ ...config, ...oneCycle }, optimizer);
    const step = new TrainingStep(store, {
      groups,
      record: () => {
        throw new RangeError("only updates are made");
      },
      optimizer,
      maxGradNorm: 0,
      gradientAccumulationSteps: 1,
      scaleLoss: false,
      momentum: rates.momentum,
    });
    for (let k = 0; k < 8; k++) {
      store.set("grad/w", Float32Array.from({ length: 4 }, (_, i) => ((i * 7 + k * 3) % 11 - 5) / 10));
      strictEqual((await step.update([rates(k, 1)])).heldBack, null);
    }
    const found = store.download("w");
    step.destroy();
    ok(found.every((w, i) => Math.abs(w - wanted[i]) < 2e-6), `${found}, not ${wanted}`);
  });
}

Deno.test("an optimizer whose momentum stays is refused with what helps", () => {
  for (const type of ["DAdaptation", "Adagrad", "SGD"]) {
    throws(() => createRates({ ...config, ...oneCycle }, readOptimizer(type, null)), (error: Error) => {
      match(
        error.message,
        /^OneCycleLR moves the momentum too.*add cycle_momentum=False to --lr_scheduler_args/,
      );
      return true;
    });
  }
});

Deno.test("train_network trains with OneCycleLR as it is by default", async () => {
  const { dir, config } = tinyRun();
  await trainNetwork({ ...config, ...oneCycle }, listening());
  ok(Deno.statSync(join(dir, "out/thing.safetensors")).size > 0);
  Deno.removeSync(dir, { recursive: true });
});
