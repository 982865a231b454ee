/** Whole jobs on the simulated GPU against the CPU: steps of a LoRA training, one step of a sampler. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/mod.ts";
import { decodeImage } from "../../src/images/load.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import type { TrainNetworkConfig } from "../../src/training/options.ts";
import { trainNetwork } from "../../src/training/jobs/train_network.ts";
import { relL2 } from "../golden/compare.ts";
import { noCuda, simulatorPath, standInPath, withEnvironment } from "../kernels/devices.ts";
import { listening, lossesOf, tinyRun } from "./tiny_run.ts";

const onCard = Deno.env.get("EASEL_TEST_DEVICE") === "cuda";
const simulated: Record<string, string> = onCard ? {} : { EASEL_CUDA_DRIVER: simulatorPath("fast") };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: noCuda ? `${name} (${noCuda})` : name, ignore: noCuda !== null, fn });
}

const standIn: Record<string, string> = { ...simulated, EASEL_CUBLASLT: standInPath("cublaslt") };

test("train_network on cuda follows the CPU: losses, and the weights that it saves, all their norms limited", async () => {
  await followsCpu(simulated, 2, { noVendorLibs: true, scaleWeightNorms: 0.01 });
});

test("train_network on cuda follows the CPU with a vendor library in use, in graph replays too", async () => {
  if (onCard) return void await followsCpu({}, 3); // with the card's own cuBLASLt
  const cache = Deno.makeTempDirSync({ prefix: "easel-choices-" });
  const lines = await followsCpu({ ...standIn, EASEL_CACHE: cache }, 3);
  assert.match(lines.join("\n"), /cuBLASLt 13\.1\.1 is used where it is faster/);
  const [file] = [...Deno.readDirSync(join(cache, "choices"))];
  const taken = Deno.readTextFileSync(join(cache, "choices", file.name)).match(/\tcublaslt \d\t/g);
  assert.ok(taken && taken.length > 20, `${taken?.length} kinds of products taken`);
  Deno.removeSync(cache, { recursive: true });
});

/** Trains some steps on the CPU and on cuda and compares; what cuda's run logged. */
async function followsCpu(
  settings: Record<string, string>,
  maxTrainSteps: number,
  more: Partial<TrainNetworkConfig> = {},
): Promise<string[]> {
  const { dir, config } = tinyRun();
  let lines: string[] = [];
  const results = new Map<string, { losses: number[]; weights: Float32Array[] }>();
  for (const device of ["cpu", "cuda"]) {
    const context = listening(), outputDir = join(dir, device);
    await withEnvironment(settings, () => {
      return trainNetwork({ ...config, device, outputDir, maxTrainSteps, ...more }, context);
    });
    lines = context.lines;
    const losses = lossesOf(context);
    using file = openSafetensors(join(outputDir, "thing.safetensors"));
    results.set(device, { losses, weights: file.keys().map((key) => file.f32(key).slice()) });
  }
  const [cpu, cuda] = [results.get("cpu")!, results.get("cuda")!];
  assert.equal(cuda.losses.length, maxTrainSteps);
  cuda.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss / cpu.losses[i] - 1) < 1e-4, `loss ${i}: ${loss}`)
  );
  assert.equal(cuda.weights.length, cpu.weights.length);
  const flat = (list: Float32Array[]) => list.flatMap((w) => [...w]);
  const error = relL2(flat(cuda.weights), flat(cpu.weights));
  assert.ok(error < 1e-3, `the weights differ by ${error}`);
  Deno.removeSync(dir, { recursive: true });
  return lines;
}

test("one step of a sampler on cuda draws what the CPU draws", async () => {
  const { dir, config } = tinyRun();
  const pixels: Float64Array[] = [];
  for (const device of ["cpu", "cuda"]) {
    const outdir = join(dir, `pictures-${device}`);
    const drawing = {
      ...GEN_IMG_DEFAULTS,
      ...{ ckpt: config.pretrainedModelNameOrPath, prompt: "a thing --d 1", W: 64, H: 64, steps: 1 },
      ...{ outdir, device, threads: 1, sequentialFileName: true },
    };
    await withEnvironment(simulated, () => genImg(drawing, listening()));
    const [name] = [...Deno.readDirSync(outdir)].map((e) => e.name).filter((n) => n.endsWith(".png"));
    const { data } = await decodeImage(Deno.readFileSync(join(outdir, name)));
    pixels.push(Float64Array.from(data));
  }
  assert.equal(pixels[0].length, pixels[1].length);
  const error = relL2(pixels[1], pixels[0]);
  assert.ok(error < 5e-3, `the pictures differ by ${error}`); // a rounding to the next of 256 values here and there
  Deno.removeSync(dir, { recursive: true });
});
