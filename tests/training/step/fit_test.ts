/** Memory is settled before the first step. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { UserError } from "../../../src/base/errors.ts";
import { memoryNeeded } from "../../../src/graph/mod.ts";
import { openDevice } from "../../../src/runtime/mod.ts";
import { fitMemory } from "../../../src/training/step/fit.ts";
import { openNetworkRun } from "../../../src/training/jobs/network_run.ts";
import { trainNetwork } from "../../../src/training/jobs/train_network.ts";
import { trainVae } from "../../../src/training/jobs/train_vae.ts";
import { listening, lossesOf, tinyRun } from "../tiny_run.ts";

/** What the device held after the largest program was made, and whether it recomputes. */
async function opened(config: ReturnType<typeof tinyRun>["config"], lines: string[] = []) {
  const run = await openNetworkRun(config, { ...listening(), log: (line) => lines.push(line) });
  await run.training.step.updateProgram();
  const { peakBytes } = run.device, { recompute } = run.training.step;
  run.close();
  return { peakBytes, recompute };
}

Deno.test("gradient checkpointing is turned on where memory is short without it, and nothing else changes", async () => {
  const { dir, config } = tinyRun();
  const roomy = await opened(config);
  strictEqual(roomy.recompute, "none");
  const thrifty = await opened({ ...config, gradientCheckpointing: true });
  ok(thrifty.peakBytes < roomy.peakBytes);

  const lines: string[] = [];
  // room for the thrifty one and what is kept free for the backend, and not for the other
  const vramBudget = Math.round(thrifty.peakBytes * 1.05) + (33 << 20);
  const fitted = await opened({ ...config, trainBatchSize: 3, vramBudget }, lines);
  ok(typeof fitted.recompute === "object", "as much as fits");
  match(
    lines.join("\n"),
    /gradient checkpointing is turned on: without it .+ are needed, .+ can be had; \d+ of \d+ segments are computed again/,
  );
  ok(fitted.peakBytes <= vramBudget);

  const told: string[] = [], asked = { ...config, trainBatchSize: 3, gradientCheckpointing: true };
  strictEqual((await opened(asked)).recompute, "all");
  ok((await opened({ ...asked, vramBudget }, told)).peakBytes <= vramBudget);
  match(told.join("\n"), /gradient checkpointing: \d+ of \d+ segments are computed again, for the others/);

  const [free, short] = [listening(), listening()];
  await trainNetwork({ ...config, trainBatchSize: 3 }, free);
  await trainNetwork({ ...config, trainBatchSize: 3, vramBudget }, short);
  ok(short.lines.some((line) => line.startsWith("gradient checkpointing is turned on")));
  deepStrictEqual(lossesOf(short), lossesOf(free));
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a training that cannot fit ends before the first step and says what would fit", async () => {
  const { dir, config } = tinyRun(16);
  const one = await opened({ ...config, trainBatchSize: 1, gradientCheckpointing: true });
  const vramBudget = Math.round(one.peakBytes * 1.05) + (33 << 20);
  const device = openDevice("cpu");
  const { avx512 } = device.info().features!;
  device.close();
  // far more: what the CPU's kernels hold besides depends on its instruction set
  const tooMany = { ...config, trainBatchSize: 16, vramBudget };
  await rejects(
    () => trainNetwork(tooMany, listening()),
    /^UserError: training needs .+ more memory and .+ can be had; --train_batch_size [1248] would fit$/,
  );
  await rejects(
    () => trainNetwork({ ...config, trainBatchSize: 1, vramBudget: 34 << 20 }, listening()),
    // bf16 needs less where the processor has AVX-512
    avx512
      ? /can be had; lower --resolution or use --mixed_precision bf16$/
      : /can be had; lower --resolution$/,
  );
  deepStrictEqual([...Deno.readDirSync(config.outputDir)], []);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("what sample pictures need is planned with the steps, in one arena", async () => {
  const { dir, config } = tinyRun();
  const samplePrompts = join(dir, "prompts.txt");
  Deno.writeTextFileSync(samplePrompts, "a cat --w 256 --h 192 --s 1 --d 1");
  const sampled = { ...config, samplePrompts, sampleAtFirst: true };
  const run = await openNetworkRun(sampled, listening());
  await run.training.step.updateProgram();
  const planned = run.device.allocatedBytes,
    largest = Math.max(...[...run.device.arenas].map((a) => a.buffer.bytes));
  strictEqual(run.device.arenas.size, 1);
  await run.samples!.draw(run.drawing, { epoch: 0, step: 0 });
  const grown = run.device.peakBytes - planned;
  run.close();
  strictEqual([...Deno.readDirSync(join(dir, "out/sample"))].length, 1);
  ok(grown < largest / 2, `weights and scratch, no second arena: ${grown} beside ${largest}`);
  const plain = await opened(config);
  ok(planned > plain.peakBytes, "the pictures are larger than the steps");

  const short = listening();
  Deno.writeTextFileSync(samplePrompts, "a cat --w 768 --h 512 --s 1");
  await trainNetwork({ ...sampled, maxTrainSteps: 1, vramBudget: plain.peakBytes + (36 << 20) }, short);
  ok(short.lines.some((line) => line.startsWith("warning: training and sample pictures together need")));
  ok(short.lines.some((line) => /^warning: sample prompt "a cat" is not drawn: .*--vram_budget/.test(line)));
  ok(Deno.statSync(join(dir, "out/thing.safetensors")).isFile);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("pictures that are held out have room before the first step, in the same arena", async () => {
  const { dir, config } = tinyRun(1);
  const subset = (share: string) =>
    `[[datasets]]\n${share}[[datasets.subsets]]\nimage_dir = '${
      join(dir, "data/1_thing")
    }'\ncaption_extension = '.txt'\n`;
  const datasetConfig = join(dir, "d.toml"), large = "resolution = 256\nvalidation_split = 1.0\n";
  Deno.writeTextFileSync(datasetConfig, subset("resolution = 64\n") + subset(large));
  const split = { ...config, trainDataDir: null, datasetConfig, networkModule: "networks.lora" };
  const run = await openNetworkRun(split, listening());
  deepStrictEqual(run.loader.group.datasets.map(({ params }) => params.resolution), [[64, 64]]);
  await run.training.step.updateProgram();
  const arenas = () => [...run.device.arenas].map(({ buffer }) => buffer.bytes), [planned] = arenas();
  const shapes = [{ batch: 1, height: 8, width: 8, channels: 4, chunks: 1, masked: false }];
  const steps = memoryNeeded(run.training.step.recordBackward(shapes[0]), run.store);
  ok(planned > steps.arenaBytes, "they are larger than the steps");
  ok(await run.validation!.measure(run, listening()) !== null);
  deepStrictEqual(arenas(), [planned]);
  const held = { arenaBytes: 2 ** 50, missingBytes: 0 };
  const options = { mixedPrecision: "no", held, log: () => {} } as const;
  await rejects(
    fitMemory(run.training.step, run.store, shapes, options),
    /training needs .+ more memory and/,
  );
  run.close();
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("a budget is a limit for every allocation", async () => {
  const { dir, config } = tinyRun();
  const vae = {
    ...config,
    ...{ outputDir: join(dir, "out"), klWeight: 1e-6, edgeWeight: 1, emaDecay: null },
    ...{ standardizeLatents: false, decoderOnly: false, vramBudget: 1 << 16 },
  };
  await rejects(() => trainVae(vae, listening()), (error: UserError) => {
    match(
      error.message,
      /^--vram_budget 64.0 KB: .+ more are needed and .+ can be had, .+ are in use; use a smaller/,
    );
    return true;
  });
  Deno.removeSync(dir, { recursive: true });
});
