/** Whatever an optimizer keeps goes into states and comes back. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { optimizerNames, readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, tinyRun } from "../tiny_run.ts";

function contents(path: string): Map<string, Uint8Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.bytes(key)]));
}

Deno.test("a training with any optimizer resumes bit for bit, and its file names the optimizer", async () => {
  const { dir, config } = tinyRun(1);
  const args: Record<string, string[]> = {
    RMSprop: ["momentum=0.5", "centered=True"],
    Adam: ["amsgrad=True"],
    Adafactor: ["relative_step=False"],
  };
  for (const name of optimizerNames.filter((name) => !name.includes("Paged"))) {
    const run = {
      ...config,
      optimizerType: name.toUpperCase(),
      optimizerArgs: args[name] ?? null,
      learningRate: 1e-3,
      maxTrainSteps: 2,
      saveEveryNSteps: 1,
      saveState: true,
      networkTrainUnetOnly: true,
    };
    await trainNetwork(run, listening());
    const whole = join(dir, "out/thing.safetensors"), resume = join(dir, "out/thing-step00000001-state");
    await trainNetwork({ ...run, outputDir: join(dir, "again"), resume, saveState: false }, listening());
    assert.deepEqual(contents(join(dir, "again/thing.safetensors")), contents(whole), name);
    using file = openSafetensors(whole), state = openSafetensors(join(resume, "tensors.safetensors"));
    assert.match(
      file.metadata.ss_optimizer,
      /^(torch|bitsandbytes|lion_pytorch|prodigyopt|dadaptation|transformers)\.\w+/,
      name,
    );
    if (name === "Adafactor") {
      assert.equal(file.metadata.ss_optimizer, "transformers.optimization.Adafactor(relative_step=False)");
    }
    if (name === "SGDNesterov") assert.equal(file.metadata.ss_optimizer, "torch.optim.sgd.SGD(momentum=0.9)");
    const { states, shared } = readOptimizer(name, run.optimizerArgs);
    const { step } = JSON.parse(Deno.readTextFileSync(join(resume, "state.json")));
    assert.deepEqual(Object.keys(step.numbers), Object.keys(shared?.numbers ?? {}), name);
    const everywhere = Object.keys(states).filter((kept) => kept !== "exp_avg_sq" || name !== "Adafactor");
    for (const kept of everywhere) assert.ok(state.has(`train/0/${kept}`), `${name} keeps ${kept}`);
  }
  Deno.removeSync(dir, { recursive: true });
});
