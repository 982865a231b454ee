/** A model, a state and pictures in the middle of a run, because somebody asks for them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunWish } from "../../../src/base/job.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

/** Of the last model in a folder, without its metadata. */
function weights(folder: string): Uint8Array {
  const bytes = Deno.readFileSync(join(folder, "thing.safetensors"));
  return bytes.subarray(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
}

/** A context whose watcher asks for these after the first step. */
function asking(...asked: RunWish[]) {
  const context = listening(), open = new Set(asked);
  const reached = () => context.events.some(({ task, step }) => task === "training" && step === 1);
  return { ...context, wishes: { take: (what: RunWish) => reached() && open.delete(what) } };
}

Deno.test("a save and samples that are asked for change nothing else, and the state can be gone on from", async () => {
  const { dir, config } = tinyRun();
  Deno.writeTextFileSync(join(dir, "prompts.txt"), "a cat --s 2");
  const run = { ...config, maxTrainSteps: 3, samplePrompts: join(dir, "prompts.txt") };
  const undisturbed = listening(), asked = asking("save", "samples"), resumed = listening();
  await trainNetwork(run, undisturbed);
  await trainNetwork({ ...run, outputDir: join(dir, "asked") }, asked);
  assert.deepEqual(names(join(dir, "asked")), [
    "sample",
    "thing-step00000001-state",
    "thing-step00000001.safetensors",
    "thing.safetensors",
  ]);
  assert.match(names(join(dir, "asked/sample")).join(), /^thing_000001_00_\d{14}\.png$/);
  const state = join(dir, "asked/thing-step00000001-state");
  assert.ok(asked.lines.includes(`saved ${state.replace(/-state$/, ".safetensors")} and ${state}`));
  await trainNetwork({ ...run, resume: state, outputDir: join(dir, "resumed") }, resumed);
  assert.deepEqual(lossesOf(asked), lossesOf(undisturbed));
  assert.deepEqual(lossesOf(resumed), lossesOf(undisturbed).slice(1));
  assert.deepEqual(weights(join(dir, "asked")), weights(join(dir, "out")));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("samples that are asked for without prompts are told, and training goes on", async () => {
  const { dir, config } = tinyRun(), context = asking("samples");
  await trainNetwork({ ...config, maxTrainSteps: 2 }, context);
  assert.ok(
    context.lines.includes("warning: no sample pictures can be drawn: the run has no --sample_prompts"),
  );
  assert.equal(lossesOf(context).length, 2);
  Deno.removeSync(dir, { recursive: true });
});
