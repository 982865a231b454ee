/** ControlNet and LLLite beyond the plain case: with regions, with Deep Shrink, and control-lora files. */

import assert from "node:assert/strict";
import { quietContext } from "../../../src/base/job.ts";
import { writeSafetensors } from "../../../src/formats/safetensors.ts";
import type { GenImgConfig } from "../../../src/generation/groups.ts";
import { genImg } from "../../../src/generation/gen_img.ts";
import { loadImage } from "../../../src/images/load.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { controlShapes, llliteTensors } from "../../../src/models/mod.ts";
import { TINY, TINY_SDXL, writeTinyLora, writeTinyModel } from "../../training/tiny_run.ts";
import { synthTensor } from "../../golden/synth.ts";
import { GEN_IMG_DEFAULTS } from "../defaults.ts";

const dir = Deno.makeTempDirSync({ prefix: "easel-control-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

type Shaped = Iterable<[string, readonly number[]]>;

function write(name: string, shapes: Shaped, values = synthTensor): string {
  const path = `${dir}/${name}.safetensors`;
  const tensors = [...shapes].map(([key, shape]) => ({
    ...{ name: key, dtype: "F32", shape: [...shape] },
    data: () => new Uint8Array(values(key, shape).buffer as ArrayBuffer),
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
  return (await loadImage(`${outdir}/im_000001.png`)).data;
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

const RANK = 2;
const COPIED = /^(time_embed|label_emb|input_blocks|middle_block)\./;
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The names and shapes of a control-lora: two matrices for each weight that the U-Net has; but `left` it has none of. */
function controlLora(model: typeof TINY, left: RegExp): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([["lora_controlnet", [0]]]);
  for (const [name, shape] of controlShapes(model.shapes)) {
    if (left.test(name)) continue;
    if (!COPIED.test(name) || shape.length < 2) shapes.set(`control_model.${name}`, shape);
    else {
      const layer = `control_model.${name.replace(/\.weight$/, "")}`;
      shapes.set(`${layer}.up`, [shape[0], RANK, ...shape.slice(2).map(() => 1)]);
      shapes.set(`${layer}.down`, [RANK, ...shape.slice(1)]);
    }
  }
  return shapes;
}

Deno.test("a control-lora is the model's own weights and products of two matrices", async () => {
  const left = /^input_blocks\.3\.0\.(in|out)_layers/, lora = controlLora(TINY, left);
  const sums = (name: string, shape: readonly number[]) => {
    if (!COPIED.test(name)) return synthTensor(`control_model.${name}`, shape);
    const base = synthTensor(`model.diffusion_model.${name}`, shape);
    if (left.test(name)) return base;
    if (shape.length < 2) return synthTensor(`control_model.${name}`, shape);
    const [up, down] = ["up", "down"].map((end) => {
      const key = `control_model.${name.replace(/\.weight$/, "")}.${end}`;
      return synthTensor(key, lora.get(key)!);
    });
    const columns = size(shape) / shape[0];
    return base.map((x, i) => {
      const row = Math.floor(i / columns), column = i % columns;
      return [0, 1].reduce((sum, r) => sum + up[row * RANK + r] * down[r * columns + column], x);
    });
  };
  const low = { ...net, controlNetModels: [write("control-lora", lora)] };
  const whole = { ...net, controlNetModels: [write("whole", controlShapes(TINY.shapes), sums)] };
  const [a, b] = [await draw("sd1", low), await draw("sd1", whole)];
  const apart = (b: Uint8Array) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
  assert.ok(apart(b) <= 1, `differs by ${apart(b)}`);
  assert.ok(apart(await draw("sd1", {})) > 20);
});

Deno.test("a control-lora for another family, and one that is not whole, are refused in a line", async () => {
  const other = { ...net, controlNetModels: [write("sdxl-lora", controlLora(TINY_SDXL, /^none/))] };
  await assert.rejects(draw("sd1", other), /sdxl-lora.*: is a ControlNet for SDXL, the model is SD1; give/);
  const part = { ...net, controlNetModels: [write("part", controlLora(TINY, /^zero_convs\.3/))] };
  await assert.rejects(
    draw("sd1", part),
    /part.*: zero_convs\.3\.0\.weight is missing; the file is not whole/,
  );
});
