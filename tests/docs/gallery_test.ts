/**
 * The pictures of docs/generation.md, drawn again by the built-in model and compared. `deno task test-on
 * tests/docs/gallery_test.ts -- --update` writes them anew.
 */

import assert from "node:assert/strict";
import { quietContext } from "../../src/base/job.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { samplerNames } from "../../src/generation/samplers/mod.ts";
import { loadImage } from "../../src/images/load.ts";
import { encodePng } from "../../src/images/png_file.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";

const GALLERY = new URL("../../docs/gallery", import.meta.url).pathname, SIDE = 128;
const PROMPT = "a red star in front of a blue background";

/** What some need in so few steps. */
const NEEDS: Readonly<Record<string, Partial<GenImgConfig>>> = {
  pndm: { steps: 30 },
  ...Object.fromEntries(
    ["lms", "dpm_2_a", "dpmpp_2m_sde", "dpmpp_3m_sde"].map((name) => [name, { sigmas: "karras" }]),
  ),
};

const SAMPLERS = samplerNames.filter((name) => !name.startsWith("k_"));

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
  highres_fix: { W: 192, H: 192, highresFixScale: 2 / 3, highresFixSteps: 12, strength: 0.5 },
};

/** White where it is drawn anew: the left half. */
function writeMask(path: string): void {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    return Math.floor(i / 3) % SIDE < SIDE / 2 ? 255 : 0;
  });
  Deno.writeFileSync(path, encodePng({ width: SIDE, height: SIDE, data }));
}

Deno.test("the gallery's pictures are what easel draws", async (t) => {
  const dir = Deno.makeTempDirSync(), update = Deno.args.includes("--update");
  try {
    writeMask(`${dir}/mask.png`);
    for (const [name, row] of Object.entries(ROWS)) {
      await t.step(name, async () => {
        const config: GenImgConfig = {
          ...GEN_IMG_DEFAULTS,
          ...{ ckpt: "builtin:tiny", W: SIDE, H: SIDE, steps: 12, scale: 4, sampler: "ddim" },
          ...{ outdir: dir, maskPath: name === "inpainting" ? `${dir}/mask.png` : null },
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
