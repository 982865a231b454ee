import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { openNetworkRun } from "../../../src/training/jobs/network_run.ts";
import { planTraining } from "../../../src/training/jobs/plan.ts";
import { planVae } from "../../../src/training/jobs/train_vae.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { sdxlTrainNetworkJob } from "../../../src/training/jobs/train_network_job.ts";
import { sdxlTrainNetworkGroups } from "../../../src/training/options.ts";
import { withDefaults } from "../../../src/options/mod.ts";
import {
  closeTo,
  listening,
  peakOf,
  TINY_SDXL,
  tinyRun,
  writePictures,
  writeTinyModel,
} from "../tiny_run.ts";

Deno.test("planTraining() counts the largest program and the weights, and writes nothing", async () => {
  const { dir, config } = tinyRun();
  const plan = await planTraining({ ...config, cacheInfo: true }, openNetworkRun, listening());
  strictEqual(plan.steps, 4);
  strictEqual(plan.epochs, 2);
  deepStrictEqual([...Deno.readDirSync(join(dir, "data/1_thing"))].length, 6, "pictures and captions");
  ok(plan.secondsPerStep > 0 && plan.secondsPerStep < 60);
  ok(plan.programBytes > 1e6 && plan.parameterBytes > 1e6);
  const larger = await planTraining({ ...config, trainBatchSize: 3 }, openNetworkRun, listening());
  ok(larger.programBytes > plan.programBytes, "three pictures take more than one");
  strictEqual(plan.recomputed, undefined);
  const again = await planTraining({ ...config, gradientCheckpointing: true }, openNetworkRun, listening());
  ok(again.recomputed!.of > 0 && again.recomputed!.segments === again.recomputed!.of, "the flag means all");
  strictEqual(plan.validation, undefined);
  const split = { ...config, validationSplit: 0.5, validateEveryNSteps: 2 };
  const { validation, epochs } = await planTraining(split, openNetworkRun, listening());
  strictEqual(validation!.times, epochs, "after each epoch, of one step; two of them are second steps too");
  strictEqual(validation!.losses, 4 * 2, "four timesteps a batch");
  ok(validation!.seconds > 0 && validation!.seconds < 60);
  const rarely = { ...split, validateEveryNSteps: null, validateEveryNEpochs: 99 };
  strictEqual((await planTraining(rarely, openNetworkRun, listening())).validation, undefined);
  deepStrictEqual([...Deno.readDirSync(dir)].map((e) => e.name).sort(), ["data", "model.safetensors"]);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a run takes what was planned, whether latents are cached and pictures drawn or not", async () => {
  const { dir, config } = tinyRun();
  Deno.writeTextFileSync(join(dir, "prompts.txt"), "a thing --w 64 --h 64 --s 1");
  const ways = {
    "encoded in batches": { cacheLatents: false, trainBatchSize: 3 },
    "encoding takes the most": {
      cacheLatents: false,
      mixedPrecision: "bf16",
      noHalfVae: true,
      gradientCheckpointing: true,
    },
    "caching takes the most": { vaeBatchSize: 3, mixedPrecision: "bf16", noHalfVae: true },
    "drawn": { sampleEveryNSteps: 1, samplePrompts: join(dir, "prompts.txt") },
  } as const;
  for (const way of Object.values(ways)) {
    const context = listening(), run = { ...config, maxTrainSteps: 2, ...way };
    const { programBytes, parameterBytes } = await planTraining(run, openNetworkRun, context);
    await trainNetwork(run, context);
    closeTo(programBytes + parameterBytes, peakOf(context));
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("of SDXL too, whose pictures in several sizes and numbers are encoded together", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-plan-" });
  writeTinyModel(join(dir, "model.safetensors"), {}, TINY_SDXL);
  for (const [width, height, count] of [[64, 48, 5], [64, 64, 9], [96, 64, 8]]) {
    writePictures(join(dir, "data"), count, { width, height, name: `${width}x${height}-` });
  }
  const config = withDefaults(sdxlTrainNetworkGroups, {
    ...{ pretrainedModelNameOrPath: join(dir, "model.safetensors"), trainDataDir: join(dir, "data") },
    ...{ outputDir: join(dir, "out"), outputName: "x", captionExtension: ".txt" },
    ...{
      resolution: "96",
      enableBucket: true,
      minBucketReso: 32,
      bucketResoSteps: 16,
      bucketNoUpscale: true,
    },
    ...{ networkModule: "networks.lora", networkDim: 2, networkTrainUnetOnly: true },
    ...{ cacheLatents: true, vaeBatchSize: 8, maxTrainSteps: 2, learningRate: 1e-3, seed: 1, threads: 1 },
  });
  const context = listening();
  const { programBytes, parameterBytes } = await sdxlTrainNetworkJob.plan!(config, context);
  await sdxlTrainNetworkJob.run(config, context);
  closeTo(programBytes + parameterBytes, peakOf(context));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("planVae() does the same for an autoencoder", async () => {
  const { dir, config } = tinyRun();
  const vae = { ...config, klWeight: 1e-6, edgeWeight: 1, emaDecay: null, standardizeLatents: false };
  const plan = await planVae({ ...vae, decoderOnly: false }, listening());
  strictEqual(plan.steps, 4);
  ok(plan.secondsPerStep > 0 && plan.programBytes > 1e6);
  const half = await planVae({ ...vae, decoderOnly: true }, listening());
  ok(half.parameterBytes < plan.parameterBytes, "a frozen encoder has no moments");
  deepStrictEqual([...Deno.readDirSync(dir)].map((e) => e.name).sort(), ["data", "model.safetensors"]);
  Deno.removeSync(dir, { recursive: true });
});
