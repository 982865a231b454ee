import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import type { JobEvent } from "../../../src/base/events.ts";
import { openCheckpoint, openSafetensors } from "../../../src/formats/mod.ts";
import { fileModules } from "../../../src/networks/mod.ts";
import { productSvd } from "../../../src/networks/files/svd.ts";
import type { TrainNetworkConfig } from "../../../src/training/options.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

/** Key -> bytes of a LoRA file. */
function contents(path: string): Map<string, Uint8Array> {
  using file = openSafetensors(path);
  return new Map(file.keys().map((key) => [key, file.bytes(key)]));
}

const names = (dir: string) => [...Deno.readDirSync(dir)].map((entry) => entry.name).sort();

Deno.test("trainNetwork() saves what sd-scripts would save, and the network has learned", async () => {
  const { dir, config } = tinyRun();
  const context = listening();
  await trainNetwork({
    ...config,
    maxTrainSteps: 7,
    saveEveryNEpochs: 1,
    saveEveryNSteps: 2,
    saveLastNSteps: 2,
    saveState: true,
    saveLastNEpochsState: 1,
    faceCropAugRange: "1.0,2.5",
    loggingDir: join(dir, "logs"),
  }, context);
  deepStrictEqual(names(join(dir, "out")), [
    "thing-000001.safetensors",
    "thing-000002-state",
    "thing-000002.safetensors",
    "thing-state",
    "thing-step00000004-state",
    "thing-step00000004.safetensors",
    "thing-step00000006-state",
    "thing-step00000006.safetensors",
    "thing.safetensors",
  ]);
  using file = openSafetensors(join(dir, "out/thing.safetensors"));
  strictEqual(file.metadata.ss_steps, "7");
  strictEqual(file.metadata.ss_epoch, "3");
  strictEqual(file.metadata.ss_face_crop_aug_range, "(1.0, 2.5)");
  using within = openSafetensors(join(dir, "out/thing-step00000004.safetensors"));
  strictEqual(within.metadata.ss_epoch, "1", "how many epochs are over");
  const up = file.keys().filter((key) => key.endsWith("lora_up.weight"));
  ok(
    up.length > 0 && up.every((key) => file.f32(key).some((x) => x !== 0)),
    "every lora_up has moved from zero",
  );
  strictEqual(context.events.filter((e) => e.task === "training").at(-1)?.step, 7);
  match(context.lines.join("\n"), /3 images x 1, 3 captions/);
  strictEqual([...Deno.readDirSync(join(dir, "logs"))].length, 1);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--masked_loss with mask images: black ones leave no loss, white ones all of it, grey ones a share", async () => {
  const { dir, config } = tinyRun(1), masks = join(dir, "masks");
  Deno.mkdirSync(masks);
  const lossOf = async (grey: number | null) => {
    // only red counts
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => i % 3 === 0 ? grey ?? 0 : 7 * i);
    Deno.writeFileSync(join(masks, "0.png"), encodePng({ width: 64, height: 64, data }));
    const context = listening(),
      masked = grey === null ? {} : { maskedLoss: true, conditioningDataDir: masks };
    await trainNetwork({ ...config, ...masked, maxTrainSteps: 1 }, context);
    return lossesOf(context)[0];
  };
  const whole = await lossOf(null);
  ok(whole > 0);
  strictEqual(await lossOf(0), 0);
  ok(Math.abs(await lossOf(255) / whole - 1) < 1e-6);
  ok(Math.abs(await lossOf(51) / whole - 0.2) < 1e-6);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a rank whose weights no memory holds is refused before they are made", async () => {
  const { dir, config } = tinyRun(1);
  for (const change of [{ networkDim: 2 ** 31 }, { networkArgs: ["conv_dim=4000000000"] }]) {
    await rejects(
      trainNetwork({ ...config, ...change }, listening()),
      /a network of rank \d+ has .* weights, which take .* can be had; lower --network_dim/,
    );
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("an output name may lead into a folder below, which is made", async () => {
  const { dir, config } = tinyRun(1);
  await trainNetwork({ ...config, outputName: "sets/thing", maxTrainSteps: 1, saveState: true }, listening());
  deepStrictEqual(names(join(dir, "out")), ["sets"]);
  deepStrictEqual(names(join(dir, "out/sets")), ["thing-state", "thing.safetensors"]);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a network saved as a pickle holds the same tensors", async () => {
  const { dir, config } = tinyRun();
  for (const saveModelAs of ["safetensors", "pt"] as const) {
    await trainNetwork({ ...config, maxTrainSteps: 1, saveModelAs }, listening());
  }
  using pickle = openCheckpoint(join(dir, "out/thing.pt"));
  deepStrictEqual(
    new Map(pickle.keys().map((key) => [key, pickle.bytes(key)])),
    contents(join(dir, "out/thing.safetensors")),
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a run resumed from a state ends bit for bit like one that was never stopped", async () => {
  const { dir, config } = tinyRun(4);
  const whole = {
    ...config,
    maxTrainSteps: 5,
    trainBatchSize: 2,
    gradientAccumulationSteps: 2,
    networkDropout: 0.2,
    multiresNoiseIterations: 3,
    lrScheduler: "cosine",
    saveEveryNSteps: 2,
    saveState: true,
  };
  await trainNetwork(whole, listening());
  const expected = contents(join(dir, "out/thing.safetensors"));
  for (const step of ["00000002", "00000004"]) {
    const resume = join(dir, `out/thing-step${step}-state`);
    await trainNetwork({ ...whole, outputDir: join(dir, "again"), resume }, listening());
    deepStrictEqual(contents(join(dir, "again/thing.safetensors")), expected, `resumed after step ${step}`);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a longer run goes on in the epoch in which the steps of a shorter one ended", async () => {
  const { dir, config } = tinyRun(4), [short, long] = [join(dir, "short"), join(dir, "long")];
  await trainNetwork({ ...config, maxTrainSteps: 2, outputDir: short, saveState: true }, listening());
  const resume = join(short, "thing-state");
  for (const maxTrainSteps of [3, 5]) {
    const [whole, resumed] = [listening(), listening()];
    await trainNetwork({ ...config, maxTrainSteps, outputDir: long }, whole);
    const expected = contents(join(long, "thing.safetensors"));
    await trainNetwork({ ...config, maxTrainSteps, outputDir: long, resume }, resumed);
    deepStrictEqual(contents(join(long, "thing.safetensors")), expected, `${maxTrainSteps} steps`);
    strictEqual(resumed.events.at(-1)?.step, maxTrainSteps);
  }
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("Ctrl-C finishes the step, saves weights and state, and the run can go on", async () => {
  const { dir, config } = tinyRun();
  await trainNetwork({ ...config, outputDir: join(dir, "whole") }, listening());
  const abort = new AbortController();
  const context = listening(abort.signal);
  const stop = {
    ...context,
    progress: (e: { task: string; step: number }) =>
      void (e.step === 2 && e.task === "training" && abort.abort()),
  };
  await rejects(
    trainNetwork(config, stop),
    (error) => error instanceof Interrupted && error.exitCode === 130,
  );
  deepStrictEqual(names(join(dir, "out")), ["thing-step00000002-state", "thing-step00000002.safetensors"]);
  await trainNetwork({ ...config, resume: join(dir, "out/thing-step00000002-state") }, listening());
  deepStrictEqual(
    contents(join(dir, "out/thing.safetensors")),
    contents(join(dir, "whole/thing.safetensors")),
  );
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a run that diverges names the step and the tensor, and saves nothing of what is broken", async () => {
  const { dir, config } = tinyRun();
  const diverging = { ...config, learningRate: 1e12, maxGradNorm: 0, maxTrainSteps: 8 };
  await rejects(trainNetwork(diverging, listening()), (error: Error) => {
    match(error.message, /step \d+: .*first non-finite tensor: .*; nothing was saved before it$/);
    return true;
  });
  deepStrictEqual(names(join(dir, "out")), []);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("sample pictures are drawn; a prompt file that goes away stops nothing, one that is not there is told at the start", async () => {
  const { dir, config } = tinyRun();
  const prompts = join(dir, "prompts.txt");
  Deno.writeTextFileSync(prompts, "a thing --w 64 --h 64 --s 2 --d 1\n");
  await trainNetwork(
    { ...config, maxTrainSteps: 2, samplePrompts: prompts, sampleEveryNSteps: 2 },
    listening(),
  );
  match(names(join(dir, "out/sample")).join(), /^thing_000002_00_\d{14}_1\.png$/);
  const sampled = { ...config, maxTrainSteps: 2, samplePrompts: prompts, sampleEveryNSteps: 1 };
  const context = listening();
  const emit = (event: JobEvent) => void (event.event === "sample" && Deno.removeSync(prompts));
  await trainNetwork(sampled, { ...context, emit });
  match(
    context.lines.join("\n"),
    /sample pictures failed: .*prompts\.txt: does not exist.*; training goes on/,
  );
  await rejects(trainNetwork(sampled, listening()), /prompts\.txt: does not exist/);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--scale_weight_norms keeps every module at or below its norm", async () => {
  const { dir, config } = tinyRun();
  const largest = async (scaleWeightNorms: number | null, more: Partial<TrainNetworkConfig> = {}) => {
    await trainNetwork({ ...config, ...more, scaleWeightNorms, savePrecision: "float" }, listening());
    using file = openSafetensors(join(dir, "out/thing.safetensors"));
    if (scaleWeightNorms !== null) strictEqual(file.metadata.ss_scale_weight_norms, String(scaleWeightNorms));
    return Math.max(
      ...fileModules(file, null).map((m) => {
        const { values } = productSvd(m.up(), m.down(), m.rank);
        return m.alpha / m.rank * Math.hypot(...values);
      }),
    );
  };
  const free = await largest(null);
  ok(Math.abs(await largest(free / 2) - free / 2) < 1e-5 * free);
  // rates of 0 keep modules from the optimizer, not from this
  const networkWeights = join(dir, "free.safetensors");
  ok(await largest(null) > 0.99 * free);
  Deno.copyFileSync(join(dir, "out/thing.safetensors"), networkWeights);
  ok(await largest(null, { networkWeights, textEncoderLr: 0 }) > free / 2);
  ok(Math.abs(await largest(free / 9, { networkWeights, textEncoderLr: 0 }) - free / 9) < 1e-5 * free);
  Deno.removeSync(dir, { recursive: true });
});
