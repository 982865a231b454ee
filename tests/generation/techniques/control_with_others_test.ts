/** ControlNet and LLLite together with what else reaches into the U-Net: regions, Deep Shrink. */

import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { controlShapes, llliteTensors } from "../../../src/models/mod.ts";
import { TINY, TINY_SDXL, writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { synthTensor } from "../../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

const dir = Deno.makeTempDirSync({ prefix: "easel-control-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

function write(name: string, shapes: Iterable<[string, readonly number[]]>): string {
  const path = `${dir}/${name}.safetensors`;
  const tensors = [...shapes].map(([key, shape]) => ({
    ...{ name: key, dtype: "F32", shape: [...shape] },
    data: () => new Uint8Array(synthTensor(key, shape).buffer),
  }));
  writeSafetensors(path, tensors);
  return path;
}

function paint(name: string, side: number, at: (x: number) => [number, number, number]): string {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => at(Math.floor(i / 3) % side)[i % 3]);
  Deno.writeFileSync(`${dir}/${name}.png`, encodePng({ width: side, height: side, data }));
  return `${dir}/${name}.png`;
}

writeTinyModel(`${dir}/sd1.safetensors`);
writeTinyModel(`${dir}/sdxl.safetensors`, {}, TINY_SDXL);
const guideImagePath = [paint("guide", 72, (x) => x > 30 ? [230, 230, 230] : [20, 20, 20])];
const net = { controlNetModels: [write("net", controlShapes(TINY.shapes))], guideImagePath };
const sizes = { embedding: 8, inner: 16 };
const lllite = {
  controlNetLlliteModels: [write("lllite", llliteTensors(TINY_SDXL.shapes, sizes))],
  guideImagePath,
};

let runs = 0;
async function draw(model: "sd1" | "sdxl", options: Partial<GenImgConfig>): Promise<Uint8Array> {
  const outdir = `${dir}/${runs++}`, common = { prompt: "a cat --d 3", W: 72, H: 72, steps: 2, threads: 1 };
  await genImg({
    ...{ ...GEN_IMG_DEFAULTS, ...common, sampler: "euler", sequentialFileName: true },
    ...{ ckpt: `${dir}/${model}.safetensors`, outdir, ...options },
  }, quietContext());
  return Deno.readFileSync(`${outdir}/im_000001.png`);
}

for (const [model, control] of [["sd1", net], ["sdxl", lllite]] as const) {
  const off = { ...control, controlNetMultipliers: [0] };

  Deno.test(`${model}: what follows a picture is shrunk with the U-Net`, async () => {
    // the U-Net's activations are smaller from its first block on, or from the second level on
    for (const dsDepth1 of model === "sd1" ? [0, 1] : [1, 3]) {
      const shrinks = { dsDepth1, dsTimesteps1: 0 };
      const [plain, without, followed] = [
        await draw(model, shrinks),
        await draw(model, { ...shrinks, ...off }),
        await draw(model, { ...shrinks, ...control }),
      ];
      assert.deepEqual(without, plain);
      assert.notDeepEqual(followed, plain);
      assert.notDeepEqual(followed, await draw(model, control), "the shrinking shows");
    }
  });
}

Deno.test("sd-scripts 0.9.1 does not shrink while a ControlNet acts", async () => {
  const compat = { compat: "0.9.1" } as const, shrinks = { dsDepth1: 1, dsTimesteps1: 0 };
  assert.deepEqual(
    await draw("sd1", { ...net, ...compat, ...shrinks }),
    await draw("sd1", { ...net, ...compat }),
  );
});

Deno.test("a ControlNet follows its picture in every region, and reads the last part of a prompt", async () => {
  const loras = ["a", "b"].map((name) => `${dir}/${name}.safetensors`);
  loras.forEach((path, i) => writeTinyLora(path, `lora${i}`, 2));
  const maskPath = paint("mask", 64, (x) => x > 30 ? [255, 0, 0] : [0, 255, 0]);
  const regional = {
    ...{ W: 64, H: 64, networkModule: ["networks.lora", "networks.lora"], networkWeights: loras, maskPath },
    prompt: "a cat AND a dog --n blurry --d 3",
  };
  const plain = await draw("sd1", regional), followed = await draw("sd1", { ...regional, ...net });
  assert.notDeepEqual(followed, plain);
  assert.deepEqual(await draw("sd1", { ...regional, ...net, controlNetMultipliers: [0] }), plain);
});
