/** Whatever an optimizer keeps goes into states and comes back. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { optimizerNames, recordedOptimizer } from "../../../src/training/optimizers/mod.ts";
import { seededGenerators } from "../../../src/training/state/load.ts";
import { generatorStates, loadState, saveState, type Trained } from "../../../src/training/state/mod.ts";
import { stateArrays } from "../../../src/training/step/states.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { device } from "../../kernels/devices.ts";
import { STATE } from "../state/saved_state.ts";
import { listening, tinyRun } from "../tiny_run.ts";
import { recordedRun } from "./recorded_steps.ts";

/** What makes the most of what an optimizer keeps. */
const ARGS: Readonly<Record<string, string[]>> = {
  RMSprop: ["momentum=0.5", "centered=True"],
  Adam: ["amsgrad=True"],
  Adafactor: ["relative_step=False", "beta1=0.9"],
  RAdamScheduleFree: ["silent_sgd_phase=False"],
  Prodigy: ["use_bias_correction=True", "beta3=0.9", "slice_p=2"],
};

/** A bias and a matrix, or what takes matrices alone. */
const shapesOf = (name: string) => [name === "Muon" ? [1, 3] : [3], [3, 3]];

Deno.test("a step of every optimizer after its state was loaded is, bit for bit, the step without a pause", async () => {
  const dir = Deno.makeTempDirSync(), generators = seededGenerators(1);
  for (const name of optimizerNames) {
    const args = [...ARGS[name] ?? [], ...name.includes("8bit") ? ["min_8bit_size=5"] : []];
    const open = () => recordedRun(device("cpu"), name, args, shapesOf(name));
    const trained = ({ step }: ReturnType<typeof open>): Trained => ({
      groups: step.options.groups,
      states: (group, i) => stateArrays(step.options.optimizer, group, i),
    });
    using whole = open(), first = open(), second = open();
    const rates = whole.step.options.optimizer.shared ? [1, 1] : [0.01, 0.02];
    for (const run of [whole, first]) for (const k of [0, 1]) await run.update(k, rates);
    const path = join(dir, name), state = { ...STATE, step: { ...first.step.state } };
    saveState(path, state, generatorStates(generators), first.store, trained(first), () => {});
    const loaded = loadState(path, {}, generators, second.store, trained(second));
    Object.assign(second.step.state, loaded.step);
    for (const run of [whole, second]) await run.update(2, rates);
    const kept = whole.store.names().filter((key) => !key.includes("grad"));
    assert.ok(kept.length >= 4, name);
    for (const key of kept) {
      assert.deepEqual(second.store.download(key), whole.store.download(key), `${name}: ${key}`);
    }
    assert.deepEqual(second.step.state, whole.step.state, name);
    assert.notDeepEqual(whole.weights(), first.weights(), `${name} moves its weights`);
  }
  Deno.removeSync(dir, { recursive: true });
});

function contents(path: string): Map<string, Uint8Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.bytes(key)]));
}

Deno.test("a training goes on from a saved state bit for bit, and its file names the optimizer", async () => {
  const { dir, config } = tinyRun(1);
  const runs: [string, string[], string][] = [
    ["PRODIGY", [], "prodigyopt.prodigy.Prodigy"],
    ["Adafactor", ["relative_step=False"], "transformers.optimization.Adafactor(relative_step=False)"],
    ["AdamW8bit", ["min_8bit_size=64"], "bitsandbytes.optim.adamw.AdamW8bit(min_8bit_size=64)"],
  ];
  for (const [name, optimizerArgs, recorded] of runs) {
    const run = {
      ...config,
      optimizerType: name,
      optimizerArgs: optimizerArgs.length ? optimizerArgs : null,
      learningRate: 1e-3,
      maxTrainSteps: 2,
      saveEveryNSteps: 1,
      saveState: true,
      networkTrainUnetOnly: true,
      ...name === "AdamW8bit" ? { fullFp16: true, mixedPrecision: "fp16" as const } : {},
    };
    await trainNetwork(run, listening());
    const whole = join(dir, "out/thing.safetensors"), resume = join(dir, "out/thing-step00000001-state");
    await trainNetwork({ ...run, outputDir: join(dir, "again"), resume, saveState: false }, listening());
    assert.deepEqual(contents(join(dir, "again/thing.safetensors")), contents(whole), name);
    using file = openSafetensors(whole);
    assert.equal(file.metadata.ss_optimizer, recorded);
    assert.equal(file.metadata.ss_full_fp16, name === "AdamW8bit" ? "True" : "False");
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("every optimizer is recorded as the class of a library", () => {
  for (const name of optimizerNames) assert.match(recordedOptimizer(name, null).name, /^\w+(\.\w+){2,}$/);
  assert.deepEqual(recordedOptimizer("sgdnesterov", null), {
    name: "torch.optim.sgd.SGD",
    args: ["momentum=0.9"],
  });
});
