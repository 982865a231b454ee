/** Rates far too high: nothing that is not finite is written, and a state that is named can be trained on. */
import { match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../../src/base/errors.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { fineTuneJob } from "../../../src/training/jobs/fine_tune_job.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { trainVae } from "../../../src/training/jobs/train_vae.ts";
import { listening, tinyRun } from "../tiny_run.ts";

const FULL = { trainTextEncoder: true, learningRateTe: null, emaDecay: 0.5 };
const VAE = { ...FULL, klWeight: 1e-6, edgeWeight: 1, standardizeLatents: false, decoderOnly: false };

const JOBS = {
  "train_network": trainNetwork,
  "fine_tune": (config: TrainNetworkConfig, context = listening()) =>
    fineTuneJob.run({ ...config, ...FULL }, context),
  "train_vae": (config: TrainNetworkConfig, context = listening()) =>
    trainVae({ ...config, ...VAE }, context),
} as const;

type Case = [job: keyof typeof JOBS, rate: number, more?: Partial<TrainNetworkConfig>];

/** Rates that overflow the weights, their squares, or only what is computed from them. */
const CASES: readonly Case[] = [
  ["train_network", 1e39],
  ["train_network", 1e38],
  ["train_network", 1e16, { scaleWeightNorms: 1e18 }],
  ["train_network", 1e12],
  ["train_network", 1e9, { savePrecision: "fp16" }],
  ["train_network", 1e-3, { optimizerArgs: ["eps=0"] }],
  ["train_network", 1e30, {
    lrScheduler: "constant_with_warmup",
    lrWarmupSteps: { steps: 3 }, // the first rate is 0
    saveLastNSteps: 1,
  }],
  ["fine_tune", 1e30],
  ["fine_tune", 1e12],
  ["train_vae", 1e30],
  ["train_vae", 1e12],
];

/** Every tensor of every file below a folder is read; f32() refuses what is not finite. */
function readAll(folder: string): void {
  for (const entry of Deno.readDirSync(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) readAll(path);
    if (!path.endsWith(".safetensors")) continue;
    using file = openSafetensors(path);
    for (const key of file.keys()) file.f32(key);
  }
}

for (const [job, learningRate, more] of CASES) {
  const name = `${job} with a rate of ${learningRate} ${more ? JSON.stringify(more) : ""}`.trim();
  Deno.test(`${name} leaves only finite files behind`, async () => {
    const { dir, config } = tinyRun();
    const wild = { ...config, learningRate, saveEveryNSteps: 1, saveState: true, ...more };
    let ended: UserError | null = null;
    await JOBS[job](wild, listening()).catch((error) => {
      ok(error instanceof UserError, error.stack);
      ended = error;
    });
    readAll(join(dir, "out"));
    const said = (ended as UserError | null)?.message ?? "";
    const state = / (?:in|state is) (\S+-state)$/.exec(said)?.[1];
    if (state) {
      const calm = { ...config, outputDir: join(dir, "again"), learningRate: 1e-5, resume: state };
      await JOBS[job](calm, listening());
    }
    if (learningRate >= 1e9) match(said, /lower the learning rate/);
    else match(said, /give an eps above 0/);
    Deno.removeSync(dir, { recursive: true });
  });
}

Deno.test("the state after the last good update is saved, and is what it was before the bad one", async () => {
  const { dir, config } = tinyRun();
  await trainNetwork({ ...config, maxTrainSteps: 2, saveState: true }, listening());
  const good = join(dir, "out/thing-state");
  await rejects(
    trainNetwork({ ...config, learningRate: 1e39, resume: good, outputDir: join(dir, "bad") }, listening()),
    (error: Error) => {
      match(error.message, /^step 3: the update would make weights that are no finite numbers/);
      match(error.message, /the state after step 2 is in .*bad\/thing-step00000002-state$/);
      return true;
    },
  );
  const tensors = (path: string) => Deno.readFileSync(join(path, "tensors.safetensors")).toBase64();
  strictEqual(tensors(join(dir, "bad/thing-step00000002-state")), tensors(good));
  Deno.removeSync(dir, { recursive: true });
});
