/** Models whose U-Net takes nine channels: latents, mask, latents of what is kept. */

import assert from "node:assert/strict";
import { quietContext } from "../../src/base/job.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { openCheckpoint } from "../../src/generation/pipeline/load_model.ts";
import { Pipeline } from "../../src/generation/pipeline/pipeline.ts";
import { fromBytes } from "../../src/generation/pictures/pixels.ts";
import { paintedInputs } from "../../src/generation/techniques/inpainting.ts";
import { decodeImage } from "../../src/images/load.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { loadMissing, UNET } from "../../src/models/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { synthTensor } from "../golden/synth.ts";
import { caseModel } from "../golden/synth_models.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";

const FIRST = `${UNET}.input_blocks.0.0.weight`, SIDE = 64;

/** The tiny model, its first layer with five more channels of the weight `further`; null leaves them away. */
function writeModel(path: string, further: number | null): void {
  const { shapes } = caseModel({ model: "sd1-tiny" });
  const widened = (values: Float32Array, [out]: readonly number[]) =>
    Float32Array.from({ length: out * 9 * 9 }, (_, i) => {
      const channel = Math.floor(i / 9) % 9, o = Math.floor(i / 81);
      return channel < 4 ? values[(o * 4 + channel) * 9 + i % 9] : further! * Math.sin(i);
    });
  const tensors = [...shapes].map(([name, shape]) => {
    const widens = name === FIRST && further !== null;
    const values = synthTensor(name, shape), all = widens ? widened(values, shape) : values;
    return {
      ...{ name, dtype: "F32", shape: widens ? shape.with(1, 9) : [...shape] },
      data: () => new Uint8Array(all.buffer as ArrayBuffer),
    };
  });
  writeSafetensors(path, tensors, {});
}

/** The left half is drawn anew; `kept` is the right half's value. */
function halves(kept: number, left: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length: SIDE * SIDE * 3 },
    (_, i) => Math.floor(i / 3) % SIDE < SIDE / 2 ? left : kept,
  );
}

Deno.test("an inpainting model draws: with a mask it sees what is kept, without one nothing", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, further] of [["plain", null], ["blind", 0], ["seeing", 0.3]] as const) {
      writeModel(`${dir}/${name}.safetensors`, further);
    }
    const png = (name: string, data: Uint8Array<ArrayBuffer>) =>
      Deno.writeFileSync(`${dir}/${name}.png`, encodePng({ width: SIDE, height: SIDE, data }));
    png("picture", halves(200, 40));
    png("mask", halves(0, 255));
    const draw = async (name: string, masked: boolean, options: Partial<GenImgConfig> = {}) => {
      await genImg({
        ...GEN_IMG_DEFAULTS,
        ...{ ckpt: `${dir}/${name}.safetensors`, prompt: "a cat --d 3", W: SIDE, H: SIDE, steps: 2 },
        ...(masked ? { imagePath: `${dir}/picture.png`, maskPath: `${dir}/mask.png` } : {}),
        ...{ sequentialFileName: true, outdir: `${dir}/${name}`, threads: 1, ...options },
      }, quietContext());
      return (await decodeImage(Deno.readFileSync(`${dir}/${name}/im_000001.png`))).data;
    };
    for (const masked of [true, false]) {
      const [plain, blind, seeing] = [
        await draw("plain", masked),
        await draw("blind", masked),
        await draw("seeing", masked),
      ];
      assert.ok(plain.every((x, i) => Math.abs(x - blind[i]) <= 1), "weights of 0 change nothing");
      assert.ok(plain.some((x, i) => Math.abs(x - seeing[i]) > 3), "others do");
    }
    // at 64x64 first, then at 128x128
    const growing = { gradualLatentTimesteps: 900, gradualLatentRatioStep: 0.5, gradualLatentEveryNSteps: 1 };
    const more = { ...growing, sampler: "euler_a", steps: 3, strength: 1, W: 128, H: 128 };
    const [plain, blind, seeing] = [
      await draw("plain", true, more),
      await draw("blind", true, more),
      await draw("seeing", true, more),
    ];
    assert.ok(plain.every((x, i) => Math.abs(x - blind[i]) <= 1), "weights of 0 change nothing");
    assert.ok(plain.some((x, i) => Math.abs(x - seeing[i]) > 3), "others do");
    png("mask", halves(0, 0));
    const kept = await draw("plain", true, more);
    assert.deepEqual(await draw("plain", true, { ...more, prompt: "a dog --d 3" }), kept, "all is put back");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("paintedInputs() are the mask, and the latents of the picture with grey in its place", async () => {
  const dir = Deno.makeTempDirSync(), path = `${dir}/model.safetensors`;
  writeModel(path, 0.3);
  const file = openCheckpoint({ ...GEN_IMG_DEFAULTS, ckpt: path });
  const device = openDevice("cpu"), store = new ParameterStore(device);
  const pipeline = new Pipeline({
    ...{ family: file.family, shapes: file.shapes, store, source: path },
    ...{ dtype: "f32", vaeDtype: "f32" },
    load: (graph) => loadMissing(graph, store, file),
  });
  try {
    assert.ok(pipeline.inpaints);
    const rgb = (data: Uint8Array) => ({ width: SIDE, height: SIDE, channels: 3, data } as const);
    const shape = { batch: 2, channels: 4, height: 8, width: 8 }, one = { ...shape, batch: 1 };
    const picture = rgb(halves(200, 40)), mask = rgb(halves(0, 255));
    const found = await paintedInputs(pipeline, { images: [picture, picture], masks: [mask, mask] }, shape);
    const kept = fromBytes(picture).map((x, i) => Math.floor(i / 3) % SIDE < SIDE / 2 ? 0 : x);
    const wanted = await pipeline.encode(kept, new Float32Array(8 * 8 * 4), one);
    for (let i = 0; i < found.length; i++) {
      const place = Math.floor(i / 5) % 64, channel = i % 5;
      const value = channel === 0 ? Number(place % 8 < 4) : wanted[place * 4 + channel - 1];
      assert.ok(Math.abs(found[i] - value) < 1e-5, `${i}: ${found[i]}, not ${value}`);
    }
    const all = await paintedInputs(pipeline, { images: [picture] }, one);
    assert.ok(all.every((x, i) => i % 5 > 0 || x === 1), "without a mask all is drawn anew");
  } finally {
    pipeline.destroy();
    store.destroy();
    device.close();
    file.close();
    Deno.removeSync(dir, { recursive: true });
  }
});
