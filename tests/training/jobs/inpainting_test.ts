/** --train_inpainting: what is hidden of pictures, what is trained on it, and which models and flags go with it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../../../src/base/errors.ts";
import type { Batch } from "../../../src/data/mod.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { decodeImage } from "../../../src/images/load.ts";
import { randomMask } from "../../../src/images/random_mask.ts";
import { UNET } from "../../../src/models/mod.ts";
import { PythonRandom } from "../../../src/random/mod.ts";
import { checkTraining } from "../../../src/training/jobs/check.ts";
import { fineTuneJob } from "../../../src/training/jobs/fine_tune_job.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import type { LatentEncoder } from "../../../src/training/objective/latents.ts";
import { maskGenerator, paintedInput } from "../../../src/training/batches/painted.ts";
import { FULL_DEFAULTS } from "../../../src/training/trained/full_options.ts";
import type { FineTuneConfig, TrainNetworkConfig } from "../../../src/training/options.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

const FIRST = `${UNET}.input_blocks.0.0.weight`;

Deno.test("masks hide a part, of every kind, and the same part of the same batch", () => {
  const shares = Array.from({ length: 60 }, (_, n) => {
    const mask = randomMask(64, 96, maskGenerator(3, [1, n]));
    assert.deepEqual(mask, randomMask(64, 96, maskGenerator(3, [1, n])));
    return mask.reduce((sum, x) => sum + x, 0) / mask.length;
  });
  assert.ok(shares.every((share) => share > 0.01 && share < 0.95), shares.join());
  assert.ok(Math.min(...shares) < 0.2 && Math.max(...shares) > 0.4, "large and small");
  assert.equal(new Set(shares).size > 50, true);
  const first = (seed: number, epoch: number, number: number) =>
    maskGenerator(seed, [epoch, number]).random();
  assert.equal(new Set([first(3, 1, 1), first(3, 1, 2), first(3, 2, 1), first(4, 1, 1)]).size, 4);
});

Deno.test("a model is shown the mask at the latents' size and the picture with grey under it", async () => {
  const [width, height] = [32, 16], pixels = new Float32Array(2 * width * height * 3).fill(0.5);
  const batch = {
    pixels,
    captions: ["", ""],
    imagePaths: ["a", "b"],
    captioned: [],
    bucket: [width, height],
  } as unknown as Batch;
  let shown: Float32Array = pixels;
  const encoder = {
    latent: { factor: 8, channels: 1 },
    encode(seen: Float32Array) {
      shown = seen;
      return { latents: Float32Array.from({ length: 16 }, (_, i) => i), channels: 1, height: 2, width: 4 };
    },
  } as unknown as LatentEncoder;
  const painted = await paintedInput(batch, encoder, 2, new PythonRandom(5)), random = new PythonRandom(5);
  const masks = [randomMask(width, height, random), randomMask(width, height, random)];
  assert.deepEqual([...shown], masks.flatMap((mask) => [...mask].flatMap((x) => Array(3).fill(x ? 0 : 0.5))));
  const expected = masks.flatMap((mask, n) =>
    Array.from({ length: 8 }, (_, i) => [mask[8 * (Math.floor(i / 4) * width + i % 4)], 2 * (8 * n + i)])
      .flat()
  );
  assert.deepEqual([...painted], expected);
  await assert.rejects(
    paintedInput({ ...batch, pixels: null }, encoder, 2, random),
    /^UserError: a: has cached latents/,
  );
});

Deno.test("--train_inpainting makes an inpainting model of another, trains a LoRA on it and draws it", async () => {
  const { dir, config } = tinyRun();
  const base = { ...config, cacheLatents: false, cacheLatentsToDisk: false, trainInpainting: true };
  const tune = async (name: string, trainInpainting: boolean) => {
    const context = listening();
    const more = { trainInpainting, learningRate: 1e-3, maxTrainSteps: 2, useSafetensors: false };
    const tuning: FineTuneConfig = { ...base, ...FULL_DEFAULTS, ...more };
    await fineTuneJob.run({ ...tuning, outputDir: join(dir, name) }, context);
    return lossesOf(context);
  };
  try {
    const [plain, hiding] = [await tune("plain", false), await tune("made", true)];
    assert.ok(hiding[0] > 0);
    assert.equal(hiding[0], plain[0], "the new channels say nothing yet, and no draw has changed");
    assert.notEqual(hiding[1], plain[1]);
    const made = join(dir, "made/thing.safetensors");
    {
      using file = openSafetensors(made);
      const [outputs, inputs] = file.info(FIRST).shape;
      assert.equal(inputs, 9);
      const values = file.f32(FIRST);
      assert.ok(
        values.length === outputs * 81 && values.some((x, i) => Math.floor(i / 9) % 9 > 4 && x !== 0),
      );
    }
    const prompts = join(dir, "prompts.txt"), seen = join(config.trainDataDir!, "1_thing/0.png");
    Deno.writeTextFileSync(prompts, `a thing --img ${seen} --d 1 --s 2\na thing --d 1 --s 2\n`);
    const lora: TrainNetworkConfig = { ...base, pretrainedModelNameOrPath: made, maxTrainSteps: 2 };
    const whole = listening(), resumed = listening();
    const saving = { saveEveryNSteps: 1, saveState: true, samplePrompts: prompts, sampleEveryNSteps: 2 };
    await trainNetwork({ ...lora, ...saving }, whole);
    const resume = join(config.outputDir, "thing-step00000001-state");
    await trainNetwork({ ...lora, resume, outputDir: join(dir, "again") }, resumed);
    const bytes = (path: string) => {
      using file = openSafetensors(path);
      return file.keys().map((key) => file.bytes(key));
    };
    assert.deepEqual(
      bytes(join(dir, "again/thing.safetensors")),
      bytes(join(config.outputDir, "thing.safetensors")),
    );
    const pictures = [...Deno.readDirSync(join(config.outputDir, "sample"))].map(({ name }) =>
      Deno.readFileSync(join(config.outputDir, "sample", name))
    );
    assert.equal(pictures.length, 2);
    assert.equal((await decodeImage(pictures[0])).width, 64);
    assert.notDeepEqual(pictures[0], pictures[1]);

    await assert.rejects(
      trainNetwork({ ...lora, trainInpainting: false }, listening()),
      /trains them with --train_inpainting/,
    );
    await assert.rejects(
      trainNetwork({ ...base, outputDir: join(dir, "none") }, listening()),
      /is SD1.* and no inpainting model, which --train_inpainting wants/,
    );
    assert.throws(
      () => checkTraining({ ...base, cacheLatents: true }),
      (error: Error) => error instanceof UsageError && /cache_latents.*train_inpainting/.test(error.message),
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
