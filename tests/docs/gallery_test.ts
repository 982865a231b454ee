/**
 * The pictures of docs/generation.md, drawn again by the built-in model and compared. `deno task test-on
 * tests/docs/gallery_test.ts -- --update` writes them anew.
 */

import assert from "node:assert/strict";
import { modelPath } from "../../src/base/assets.ts";
import { quietContext } from "../../src/base/job.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { samplerNames } from "../../src/generation/samplers/mod.ts";
import { loadImage } from "../../src/images/load.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { openModel } from "../../src/models/mod.ts";
import { networkNamed, saveLora, tensorShapes } from "../../src/networks/mod.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";
import { uniform } from "../golden/synth.ts";
import { followed, guideEdges, GUIDES, SIDE } from "./edge_guides.ts";

const GALLERY = new URL("../../docs/gallery", import.meta.url).pathname;
const PROMPT = "a red star in front of a blue background";

/** What some need in so few steps. */
const NEEDS: Readonly<Record<string, Partial<GenImgConfig>>> = {
  pndm: { steps: 30 },
  ...Object.fromEntries(
    ["lms", "dpm_2_a", "dpmpp_2m_sde", "dpmpp_3m_sde"].map((name) => [name, { sigmas: "karras" }]),
  ),
};

const SAMPLERS = samplerNames.filter((name) => !name.startsWith("k_"));

/** What `deno task edges` makes. */
const CONTROL = { controlNetModels: [`${GALLERY}/edges.safetensors`], controlNetMultipliers: [2] };

/** By the names of the files; those that begin with a picture take the one of ddim. */
const ROWS: Readonly<Record<string, Partial<GenImgConfig>>> = {
  ...Object.fromEntries(
    SAMPLERS.map((sampler) => [sampler.replaceAll("+", "p"), { sampler, ...NEEDS[sampler] }]),
  ),
  image_to_image: {
    ...{ prompt: "a green heart in front of a yellow background", strength: 0.75 },
    imagePath: `${GALLERY}/ddim.png`,
  },
  inpainting: {
    ...{ prompt: "a yellow circle in front of a blue background", strength: 1 },
    imagePath: `${GALLERY}/ddim.png`,
  },
  regional_lora: {
    prompt: `${PROMPT} AND a green heart in front of a yellow background`,
    W: 192,
  },
  highres_fix: { W: 192, H: 192, highresFixScale: 2 / 3, highresFixSteps: 12, strength: 0.5 },
  ...Object.fromEntries(
    Object.entries(GUIDES).flatMap(([name, { prompt }]) => [
      [`${name}_left_out`, { prompt }],
      [`${name}_followed`, { prompt, ...CONTROL, guideImagePath: [`${GALLERY}/${name}.png`] }],
    ]),
  ),
};

/** White where it is drawn anew: the left half. */
function writeMask(path: string): void {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    return Math.floor(i / 3) % SIDE < SIDE / 2 ? 255 : 0;
  });
  Deno.writeFileSync(path, encodePng({ width: SIDE, height: SIDE, data }));
}

/** Red is the left half, green the right one. */
function writeRegions(path: string): void {
  const width = 192;
  const data = Uint8Array.from({ length: width * SIDE * 3 }, (_, i) => {
    return i % 3 === (Math.floor(i / 3) % width < width / 2 ? 0 : 1) ? 255 : 0;
  });
  Deno.writeFileSync(path, encodePng({ width, height: SIDE, data }));
}

/** A LoRA for the built-in model whose weights `name` decides. */
function writeLora(path: string, name: string): void {
  const { shapes, family, close } = openModel(modelPath("builtin:tiny")),
    named = networkNamed("networks.lora");
  const options = named.options({ dim: 4, alpha: 4, dropout: null, args: [] }, family.sites.blocks, true);
  const modules = named.modules(shapes, family, options, {});
  const values = [...tensorShapes(modules)].map(([key, shape]): [string, Float32Array] => {
    return [key, uniform(name + key, shape.reduce((a, b) => a * b, 1), 0.2)];
  });
  saveLora(path, modules, new Map(values), "F16");
  close();
}

Deno.test("the gallery's pictures are what easel draws", async (t) => {
  const dir = Deno.makeTempDirSync(), update = Deno.args.includes("--update");
  try {
    writeMask(`${dir}/mask.png`);
    writeRegions(`${dir}/regions.png`);
    if (update) {
      for (const [name, guide] of Object.entries(GUIDES)) {
        Deno.writeFileSync(`${GALLERY}/${name}.png`, encodePng(guideEdges(guide)));
      }
    }
    const networkWeights = ["one", "two"].map((name) => {
      const path = `${dir}/${name}.safetensors`;
      writeLora(path, name);
      return path;
    });
    const given: Readonly<Record<string, Partial<GenImgConfig>>> = {
      inpainting: { maskPath: `${dir}/mask.png` },
      regional_lora: { maskPath: `${dir}/regions.png`, networkWeights },
    };
    for (const [name, row] of Object.entries(ROWS)) {
      await t.step(name, async () => {
        const config: GenImgConfig = {
          ...GEN_IMG_DEFAULTS,
          ...{ ckpt: "builtin:tiny", W: SIDE, H: SIDE, steps: 12, scale: 4, sampler: "ddim" },
          ...{ outdir: dir, ...given[name] },
          ...row,
        };
        await genImg({ ...config, prompt: `${row.prompt ?? PROMPT} --d 3 --f ${name}` }, quietContext());
        const drawn = `${dir}/${name}.png`, kept = `${GALLERY}/${name}.png`;
        if (update) return Deno.copyFileSync(drawn, kept);
        const [a, b] = [(await loadImage(drawn)).data, (await loadImage(kept)).data];
        const apart = a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0) / a.length;
        assert.ok(apart < 3, `${apart} of 255 apart in the mean`);
      });
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("the gallery's edges are those of its guides, and followed where a ControlNet is shown them", async (t) => {
  for (const [name, guide] of Object.entries(GUIDES)) {
    await t.step(name, async () => {
      const edges = guideEdges(guide), path = `${GALLERY}/${name}.png`;
      assert.deepEqual(Uint8Array.from((await loadImage(path)).data), Uint8Array.from(edges.data));
      const [without, with_] = await Promise.all(
        ["left_out", "followed"].map(async (how) =>
          followed(edges, await loadImage(`${GALLERY}/${name}_${how}.png`))
        ),
      );
      assert.ok(with_ > 0.5 && with_ > without + 0.15, `${with_} with, ${without} without`);
    });
  }
});
