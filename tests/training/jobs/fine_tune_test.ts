import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { openCheckpoint, openSafetensors } from "../../../src/formats/mod.ts";
import { FULL_DEFAULTS } from "../../../src/training/trained/full_options.ts";
import type { FineTuneConfig } from "../../../src/training/options.ts";
import { fineTuneJob } from "../../../src/training/jobs/fine_tune_job.ts";
import { listening, TINY, tinyRun } from "../tiny_run.ts";

/** Of the tensors; the metadata hold the time of saving. */
function hash(path: string): string {
  using file = openSafetensors(path);
  const sum = createHash("sha256");
  for (const key of file.keys()) sum.update(key).update(file.bytes(key));
  return sum.digest("hex");
}

Deno.test("fine_tune writes a whole checkpoint in which exactly what was trained has changed", async () => {
  const { dir, config } = tinyRun();
  const tuning: FineTuneConfig = {
    ...config,
    learningRate: 1e-3,
    mixedPrecision: "bf16",
    gradientCheckpointing: true,
    trainTextEncoder: true,
    learningRateTe: null,
    clipSkip: 2,
    emaDecay: 0.9,
    useSafetensors: false,
    savePrecision: "fp16",
    saveEveryNSteps: 2,
    saveState: true,
  };
  await fineTuneJob.run(tuning, listening());
  using before = openSafetensors(config.pretrainedModelNameOrPath);
  using after = openSafetensors(join(dir, "out/thing.safetensors"));
  deepStrictEqual(after.keys().sort(), [...TINY.shapes.keys()].sort());
  for (const key of after.keys()) {
    strictEqual(after.info(key).dtype, "F16");
    const old = before.f32(key);
    const difference = after.f32(key).reduce((d, x, i) => Math.max(d, Math.abs(x - old[i])), 0);
    if (key.startsWith("first_stage_model.")) ok(difference < 2e-3, `${key} is only rounded`);
    if (/out\.2\.weight|token_embedding|attn2\.to_k/.test(key)) {
      ok(difference > 5e-4, `${key} has moved by ${difference}`);
    }
  }
  const { "modelspec.date": date, ...specification } = after.metadata;
  ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(date));
  deepStrictEqual(specification, {
    format: "pt",
    "modelspec.sai_model_spec": "1.0.1",
    "modelspec.architecture": "stable-diffusion-v1",
    "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
    "modelspec.title": "thing",
    "modelspec.resolution": "64x64",
    "modelspec.prediction_type": "epsilon",
    "modelspec.encoder_layer": "2",
  });
  const resume = join(dir, "out/thing-step00000002-state");
  await fineTuneJob.run({ ...tuning, outputDir: join(dir, "again"), resume }, listening());
  strictEqual(hash(join(dir, "again/thing.safetensors")), hash(join(dir, "out/thing.safetensors")));
  await fineTuneJob.run({ ...tuning, outputDir: join(dir, "other"), seed: 6 }, listening());
  notStrictEqual(hash(join(dir, "other/thing.safetensors")), hash(join(dir, "out/thing.safetensors")));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("with --compat a text encoder whose rate is 0 counts in the norm and stays as it is", async () => {
  const norm = async (given: Partial<FineTuneConfig>) => {
    const { dir, config } = tinyRun(), context = listening();
    await fineTuneJob.run({ ...config, trainTextEncoder: true, maxTrainSteps: 1, ...given }, context);
    using before = openSafetensors(config.pretrainedModelNameOrPath);
    using after = openSafetensors(join(dir, "out/thing.safetensors"));
    const text = after.keys().filter((key) => /token_embedding/.test(key));
    const same = text.every((key) => Buffer.compare(before.bytes(key), after.bytes(key)) === 0);
    Deno.removeSync(dir, { recursive: true });
    return { same, norm: context.events.find(({ details }) => details)!.details!.gradNorm! };
  };
  const compat = "0.9.1", whole = await norm({ compat, learningRateTe: null });
  deepStrictEqual(await norm({ compat, learningRateTe: 0 }), { same: true, norm: whole.norm });
  ok(!whole.same && (await norm({ learningRateTe: 0 })).norm < whole.norm);
});

Deno.test("a whole model is saved in every form, and in that of its base where none is asked for", async () => {
  const { dir, config } = tinyRun();
  const base = {
    ...config,
    ...FULL_DEFAULTS,
    learningRate: 1e-3,
    maxTrainSteps: 1,
  };
  const saving = { maxTrainSteps: 3, saveEveryNSteps: 1, saveLastNSteps: 1 };
  const train = async (name: string, more: Partial<FineTuneConfig>) => {
    await fineTuneJob.run({ ...base, ...more, outputDir: join(dir, name) }, listening());
    return [...Deno.readDirSync(join(dir, name))].map((entry) => entry.name).sort();
  };
  const ended = (ending: string) =>
    ["-step00000002", "-step00000003", ""].map((at) => `thing${at}${ending}`).sort();
  deepStrictEqual(await train("file", { ...saving, saveModelAs: null }), ended(".safetensors"));
  deepStrictEqual(await train("folder", { ...saving, saveModelAs: "diffusers" }), ended(""));
  deepStrictEqual(
    await train("asked", { saveModelAs: "diffusers", useSafetensors: true }),
    ["thing"],
  );
  ok(Deno.statSync(join(dir, "asked/thing/unet/diffusion_pytorch_model.safetensors")).isFile);
  deepStrictEqual(await train("reference", { saveModelAs: null, compat: "0.9.1" }), [
    "thing.ckpt",
  ]);
  // what was saved is what is trained on, in its own form, old saves removed
  const again = join(dir, "folder/thing");
  deepStrictEqual(
    await train("again", { saveModelAs: null, pretrainedModelNameOrPath: again }),
    ["thing"],
  );
  deepStrictEqual(
    await train("pickle", {
      saveModelAs: null,
      pretrainedModelNameOrPath: join(dir, "reference/thing.ckpt"),
    }),
    ["thing.ckpt"],
  );
  using pickle = openCheckpoint(join(dir, "pickle/thing.ckpt"));
  deepStrictEqual(pickle.counters, { epoch: 2, globalStep: 2 });
  Deno.removeSync(dir, { recursive: true });
});
