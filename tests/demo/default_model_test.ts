/** The model that comes with easel does what its prompts say. */

import { ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { assetPath, modelPath } from "../../src/base/assets.ts";
import { quietContext } from "../../src/base/job.ts";
import { loadImage } from "../../src/data/mod.ts";
import { GEN_IMG_DEFAULTS } from "../generation/defaults.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import { openModel } from "../../src/models/mod.ts";
import { COLOURS } from "../../src/tools/pictures/scenes.ts";

/** Prompt, colour in the middle, colour of the corners. */
const PROMPTS: readonly (readonly [string, string, string])[] = [
  ["a red circle on a blue background", "red", "blue"],
  ["a yellow square on a green background", "yellow", "green"],
  ["a white heart on a black background", "white", "black"],
  ["a green triangle on an orange background", "green", "orange"],
];

/** The name of the colour that is nearest to the mean of a square with `half` pixels around (x, y). */
function colourAt(image: { width: number; data: Uint8Array }, x: number, y: number, half: number): string {
  const sum = [0, 0, 0];
  for (let row = y - half; row <= y + half; row++) {
    for (let column = x - half; column <= x + half; column++) {
      for (let c = 0; c < 3; c++) sum[c] += image.data[(row * image.width + column) * 3 + c];
    }
  }
  const mean = sum.map((s) => s / (2 * half + 1) ** 2);
  const distance = (name: string) => Math.hypot(...COLOURS[name].map((v, c) => v - mean[c]));
  return Object.keys(COLOURS).reduce((a, b) => distance(b) < distance(a) ? b : a);
}

Deno.test("builtin:tiny is a whole SD1 checkpoint of at most 32 MB", () => {
  const model = openModel("builtin:tiny");
  strictEqual(model.family.name, "sd1");
  model.close();
  ok(Deno.statSync(modelPath("builtin:tiny")).size <= 32e6);
  ok([...Deno.readDirSync(assetPath("demo"))].length > 0);
});

Deno.test("builtin:tiny draws the colours that its prompts ask for, front and back", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "easel-colours-" });
  const list = join(folder, "prompts.txt");
  Deno.writeTextFileSync(list, PROMPTS.map(([prompt], i) => `${prompt} --d ${i + 1}\n`).join(""));
  await genImg({
    ...GEN_IMG_DEFAULTS,
    ...{ ckpt: "builtin:tiny", fromFile: list, outdir: folder, sequentialFileName: true },
    ...{ W: 128, H: 128, steps: 20, scale: 4, sampler: "ddim", batchSize: PROMPTS.length },
  }, quietContext());
  const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((n) => n.endsWith(".png"))
    .sort();
  for (const [i, [prompt, front, back]] of PROMPTS.entries()) {
    const image = await loadImage(join(folder, files[i])) as { width: number; data: Uint8Array };
    const corners = [[8, 8], [119, 8], [8, 119], [119, 119]].map(([x, y]) => colourAt(image, x, y, 4));
    strictEqual(colourAt(image, 64, 66, 6), front, prompt);
    strictEqual(corners.join(), [back, back, back, back].join(), prompt);
  }
  Deno.removeSync(folder, { recursive: true });
});
