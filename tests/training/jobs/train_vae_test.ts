import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { openSafetensors } from "../../../src/formats/mod.ts";
import { compile, Graph } from "../../../src/graph/mod.ts";
import { decode, encode, VAE, Weights } from "../../../src/models/mod.ts";
import { openDevice, ParameterStore } from "../../../src/runtime/mod.ts";
import type { TrainVaeConfig } from "../../../src/training/options.ts";
import { LatentStatistics, standardizeLatents } from "../../../src/training/trained/latent_statistics.ts";
import { trainVae } from "../../../src/training/jobs/train_vae.ts";
import { relL2 } from "../../golden/compare.ts";
import { synthTensor } from "../../golden/synth.ts";
import { family } from "../../golden/synth_models.ts";
import { listening, TINY, tinyRun } from "../tiny_run.ts";

function vaeRun() {
  const { dir, config } = tinyRun();
  return {
    dir,
    config: {
      ...config,
      ...{ cacheLatents: false, learningRate: 1e-3, klWeight: 1e-6, edgeWeight: 1, emaDecay: 0.5 },
      ...{ standardizeLatents: false, decoderOnly: false },
    },
  };
}

Deno.test("trainVae() writes a whole checkpoint in which exactly the autoencoder has changed", async () => {
  const { dir, config } = vaeRun();
  const context = listening();
  await trainVae({ ...config, maxTrainSteps: 5, saveEveryNSteps: 2, mixedPrecision: "bf16" }, context);
  const names = [...Deno.readDirSync(join(dir, "out"))].map((entry) => entry.name).sort();
  deepStrictEqual(names, [
    "thing-step00000002.safetensors",
    "thing-step00000004.safetensors",
    "thing.safetensors",
  ]);
  using before = openSafetensors(config.pretrainedModelNameOrPath);
  using after = openSafetensors(join(dir, "out/thing.safetensors"));
  deepStrictEqual(after.keys().sort(), [...TINY.shapes.keys()].sort());
  for (const key of after.keys()) {
    const old = before.f32(key), changed = after.f32(key).some((x, i) => x !== old[i]);
    if (!key.startsWith(`${VAE}.`)) ok(!changed, `${key} was touched`);
    if (/conv_in\.weight$|conv_out\.weight$/.test(key) && key.startsWith(`${VAE}.`)) {
      ok(changed, `${key} has stayed`);
    }
  }
  const losses = context.events.filter((e) => e.task === "training").map((e) => e.loss!);
  ok(losses.at(-1)! < losses[0], `the error has grown: ${losses}`);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("trainVae() takes pictures of any size", async () => {
  const { dir, config } = vaeRun();
  for (const [width, height] of [[100, 48], [40, 44], [70, 130]]) {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 7 % 256);
    const path = join(dir, `data/1_thing/${width}x${height}.png`);
    Deno.writeFileSync(path, encodePng({ width, height, data }));
  }
  const wishes: Partial<TrainVaeConfig>[] = [
    {},
    { randomCrop: true, flipAug: true },
    { enableBucket: true, minBucketReso: 64, bucketResoSteps: 8 },
  ];
  for (const wish of wishes) {
    const context = listening();
    await trainVae({ ...config, ...wish, maxTrainEpochs: 1 }, context);
    strictEqual(context.events.filter((e) => e.task === "training").at(-1)!.total, 6);
  }
  await rejects(trainVae({ ...config, resolution: "68,64" }, listening()), /68x64 cannot be encoded/);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("trainVae() with decoderOnly leaves the encoder as it was", async () => {
  const { dir, config } = vaeRun();
  await trainVae({ ...config, maxTrainSteps: 3, decoderOnly: true }, listening());
  using before = openSafetensors(config.pretrainedModelNameOrPath);
  using after = openSafetensors(join(dir, "out/thing.safetensors"));
  for (const key of after.keys()) {
    const old = before.f32(key), changed = after.f32(key).some((x, i) => x !== old[i]);
    if (/\.decoder\..*conv.*weight$/.test(key)) ok(changed, `${key} has stayed`);
    if (!/\.(decoder|post_quant_conv)\./.test(key)) ok(!changed, `${key} was touched`);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("trainVae() saves and stops on Ctrl-C", async () => {
  const { dir, config } = vaeRun();
  const stop = new AbortController();
  const context = listening(stop.signal);
  const progress = (event: Parameters<typeof context.progress>[0]) => event.step === 2 && stop.abort();
  await rejects(trainVae({ ...config, maxTrainSteps: 50 }, { ...context, progress }), Interrupted);
  strictEqual(
    openSafetensors(join(dir, "out/thing-step00000002.safetensors")).keys().length,
    TINY.shapes.size,
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("standardizeLatents() gives latents of deviation 1 and leaves pictures as they were", async () => {
  const shapes = [...TINY.shapes].filter(([key]) => key.startsWith(`${VAE}.`));
  const weights = new Map(shapes.map(([key, shape]) => [key, synthTensor(key, shape)]));
  const pictures = Float32Array.from({ length: 2 * 32 * 32 * 3 }, (_, i) => Math.sin(i * i % 97));
  const plain = await throughVae(weights, pictures);
  const statistics = new LatentStatistics(4);
  statistics.add(plain.latents);
  const fitted = await throughVae(standardizeLatents(weights, statistics, family("sd1")), pictures);
  const found = new LatentStatistics(4);
  found.add(fitted.latents.map((x) => x * family("sd1").latent.scale));
  for (let c = 0; c < 4; c++) {
    ok(Math.abs(found.mean(c)) < 1e-4, `mean ${found.mean(c)}`);
    ok(Math.abs(found.deviation(c) - 1) < 1e-4, `deviation ${found.deviation(c)}`);
  }
  const error = relL2(fitted.pictures, plain.pictures);
  ok(error < 1e-5, `pictures differ by ${error}`);
  const spread = fitted.logvar.map((x, i) => x - plain.logvar[i]);
  for (let c = 0; c < 4; c++) {
    const gain = 1 / (statistics.deviation(c) * family("sd1").latent.scale);
    ok(Math.abs(spread[c] - 2 * Math.log(gain)) < 1e-3, "the variance follows");
  }
});

/** Latents' means, logarithms of variances and the pictures decoded from the means. */
async function throughVae(weights: ReadonlyMap<string, Float32Array>, pictures: Float32Array) {
  const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
  const shapes = new Map([...TINY.shapes].filter(([key]) => key.startsWith(`${VAE}.`)));
  for (const [key, shape] of shapes) store.upload(key, shape, "f32", weights.get(key)!);
  const graph = new Graph(), w = Weights.over(graph, shapes, { dtype: "f32" }).at(VAE);
  const { mean, logvar } = encode(graph.input("pictures", [2, 32, 32, 3]), w);
  graph.output("latents", mean);
  graph.output("logvar", logvar);
  graph.output("pictures", decode(mean, w));
  const program = await compile(graph, store);
  const out = await program.run({ pictures });
  program.destroy();
  store.destroy();
  device.close();
  return out;
}
