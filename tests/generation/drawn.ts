/** Small models and networks as files, and what genImg() draws with them. */

import { quietContext } from "../../src/base/job.ts";
import { decodeImage } from "../../src/images/load.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import { keysOf, loraTargets } from "../../src/networks/mod.ts";
import { synthTensor, uniform } from "../golden/synth.ts";
import { caseModel } from "../golden/synth_models.ts";

/** A whole synthetic checkpoint and a LoRA for it, as files. */
export function makeFiles(dir: string): { ckpt: string; lora: string } {
  const { shapes, family } = caseModel({ model: "sd1-tiny" });
  const bytes = (values: Float32Array) => new Uint8Array(values.buffer);
  const ckpt = `${dir}/tiny.safetensors`, lora = `${dir}/lora.safetensors`;
  writeSafetensors(
    ckpt,
    [...shapes].map(([name, shape]) => ({
      name,
      dtype: "F32",
      shape: [...shape],
      data: () => bytes(synthTensor(name, shape)),
    })),
    { "modelspec.resolution": "80x80" },
  );
  const tensors = loraTargets(shapes, family, { convolutions: false }).flatMap((target) => {
    const [out, ...inputs] = target.shape, conv = target.shape.length === 4;
    const make = (name: string, shape: number[], scale: number) => ({
      name,
      dtype: "F32",
      shape,
      data: bytes(uniform(name, shape.reduce((a, b) => a * b), scale)),
    });
    const keys = keysOf({ name: target.name } as Parameters<typeof keysOf>[0]);
    return [make(keys.down, [2, ...inputs], 0.2), make(keys.up, conv ? [out, 2, 1, 1] : [out, 2], 0.2)];
  });
  writeSafetensors(lora, tensors, {});
  return { ckpt, lora };
}

/** The bytes of the pictures that a run writes, in name order. */
export async function draw(dir: string, name: string, options: Partial<GenImgConfig>): Promise<Uint8Array[]> {
  const outdir = `${dir}/${name}`;
  const config: GenImgConfig = {
    ...GEN_IMG_DEFAULTS,
    ckpt: "",
    prompt: "a cat --d 3",
    W: 64,
    H: 64,
    steps: 2,
    sampler: "euler_a",
    sequentialFileName: true,
    outdir,
    ...options,
  };
  await genImg(config, quietContext());
  const names = [...Deno.readDirSync(outdir)].map((entry) => entry.name).sort();
  return Promise.all(
    names.map(async (file) => (await decodeImage(Deno.readFileSync(`${outdir}/${file}`))).data),
  );
}

/** The mean difference of two pictures' bytes. */
export const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0) / a.length;
