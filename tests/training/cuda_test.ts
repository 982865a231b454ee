/** Whole jobs on the simulated GPU against the CPU: steps of a LoRA training, one step of a sampler. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openSafetensors } from "../../src/formats/mod.ts";
import { decodeImage } from "../../src/data/images/load.ts";
import { GEN_IMG_DEFAULTS } from "../../src/generation/config.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import { trainNetwork } from "../../src/training/train_network.ts";
import { relL2 } from "../golden/compare.ts";
import { noCuda, simulatorPath, withEnvironment } from "../kernels/devices.ts";
import { listening, lossesOf, tinyRun } from "./tiny_run.ts";

const simulated: Record<string, string> = Deno.env.get("EASEL_TEST_DEVICE") === "cuda"
  ? {}
  : { EASEL_CUDA_DRIVER: simulatorPath("fast") };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: noCuda ? `${name} (${noCuda})` : name, ignore: noCuda !== null, fn });
}

test("train_network on cuda follows the CPU: losses, and the weights that it saves", async () => {
  const { dir, config } = tinyRun();
  const results = new Map<string, { losses: number[]; weights: Float32Array[] }>();
  for (const device of ["cpu", "cuda"]) {
    const context = listening(), outputDir = join(dir, device);
    await withEnvironment(simulated, () => {
      return trainNetwork({ ...config, device, outputDir, maxTrainSteps: 2 }, context);
    });
    const losses = lossesOf(context);
    using file = openSafetensors(join(outputDir, "thing.safetensors"));
    results.set(device, { losses, weights: file.keys().map((key) => file.f32(key).slice()) });
  }
  const [cpu, cuda] = [results.get("cpu")!, results.get("cuda")!];
  assert.equal(cuda.losses.length, 2);
  cuda.losses.forEach((loss, i) =>
    assert.ok(Math.abs(loss / cpu.losses[i] - 1) < 1e-4, `loss ${i}: ${loss}`)
  );
  assert.equal(cuda.weights.length, cpu.weights.length);
  const flat = (list: Float32Array[]) => list.flatMap((w) => [...w]);
  const error = relL2(flat(cuda.weights), flat(cpu.weights));
  assert.ok(error < 1e-3, `the weights differ by ${error}`);
  Deno.removeSync(dir, { recursive: true });
});

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
