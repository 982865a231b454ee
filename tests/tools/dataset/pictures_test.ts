/** Tools that write pictures: what golden cases do not show. */

import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { canny } from "../../../src/images/canny.ts";
import { loadImage } from "../../../src/images/load.ts";
import { writePicture } from "../../../src/images/write.ts";
import { resizeImages, type ResizeImagesConfig } from "../../../src/tools/dataset/pictures/resize_images.ts";
import { parseResolutions } from "../../../src/tools/dataset/pictures/resolutions.ts";
import { drawn } from "../../golden/prepare/pictures.ts";
import { listening } from "../../training/tiny_run.ts";

async function folders(): Promise<{ at: (name: string) => string; config: ResizeImagesConfig }> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-tools-" }), at = (name: string) => join(dir, name);
  Deno.mkdirSync(at("s"));
  await writePicture(at("s/a.PNG"), drawn({ w: 90, h: 60, seed: 1, smooth: true }));
  Deno.writeTextFileSync(at("s/a.txt"), "a caption");
  Deno.writeTextFileSync(at("s/broken.jpg"), "no picture");
  return {
    at,
    config: {
      ...{
        source: at("s"),
        target: at("o"),
        maxResolutions: parseResolutions("32x32, 64x64")!,
        divisibleBy: 1,
      },
      ...{ interpolation: "lanczos4", threads: 1, saveAsPng: true, copyAssociatedFiles: true, compat: null },
    },
  };
}

const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();

Deno.test("resizeImages() makes each size from the original and leaves damaged pictures out", async () => {
  const { at, config } = await folders(), context = listening();
  await resizeImages(config, context);
  deepStrictEqual(names(at("o")), ["a+32x32.png", "a+32x32.txt", "a+64x64.png", "a+64x64.txt", "a.txt"]);
  const { width, height } = await loadImage(at("o/a+64x64.png"));
  deepStrictEqual([width, height], [78, 52]);
  match(context.lines.join("\n"), /warning: .*broken\.jpg: is no PNG.*; it is left out/);
  await rejects(
    resizeImages({ ...config, divisibleBy: 100 }, quietContext()),
    /a\.PNG: nothing is left of 39x26/,
  );
});

Deno.test("resizeImages() leaves links to folders out and refuses two pictures of one name", async () => {
  const { at, config } = await folders();
  Deno.symlinkSync(at("s"), at("s/loop"));
  await resizeImages(config, quietContext());
  strictEqual(names(at("o")).includes("loop"), false);
  Deno.copyFileSync(at("s/a.PNG"), at("s/a.jpg"));
  await rejects(
    resizeImages(config, quietContext()),
    /a\.PNG and a\.jpg would share .*o\/a\+32x32\.png; rename one/,
  );
});

Deno.test("resizeImages() writes no text over another's, where names have several dots", async () => {
  const { at, config } = await folders();
  Deno.copyFileSync(at("s/a.PNG"), at("s/a.v2.png"));
  Deno.writeTextFileSync(at("s/a.v2.txt"), "another caption");
  await resizeImages(config, quietContext());
  const text = (name: string) => Deno.readTextFileSync(at(`o/${name}.txt`));
  deepStrictEqual(["a+32x32", "a.v2+32x32"].map(text), ["a caption", "another caption"]);
});

Deno.test("resizeImages() that is interrupted leaves whole pictures only", async () => {
  const { at, config } = await folders();
  await rejects(
    resizeImages(config, quietContext(AbortSignal.abort(new Interrupted("interrupted")))),
    Interrupted,
  );
  deepStrictEqual(names(at("o")), []);
});

Deno.test("pictures come back from every kind of file that is written", async () => {
  const { at } = await folders();
  for (const mode of ["L", "RGB", "RGBA"] as const) {
    const picture = drawn({ w: 21, h: 10, seed: 3, smooth: true, mode });
    for (const [ending, error] of [["png", 0], ["webp", 0], ["bmp", 0], ["jpg", 8]] as const) {
      await writePicture(at(`x.${ending}`), picture, { jpeg: 100 });
      const back = (await loadImage(at(`x.${ending}`))).data, c = picture.data.length / 210;
      const wanted = (i: number) => picture.data[c === 1 ? Math.floor(i / 3) : Math.floor(i / 3) * c + i % 3];
      const mean = back.reduce((sum, x, i) => sum + Math.abs(x - wanted(i)), 0) / back.length;
      strictEqual(mean <= error, true, `${mode} ${ending}: ${mean}`);
    }
  }
  await rejects(
    writePicture(at("x.gif"), drawn({ w: 2, h: 2, seed: 1 })),
    /its ending says no kind of picture/,
  );
});

Deno.test("a square has its four edges, and a flat picture none", () => {
  const image = Uint8Array.from(
    { length: 400 },
    (_, i) => i % 20 > 5 && i % 20 < 14 && i > 100 && i < 280 ? 255 : 0,
  );
  strictEqual(canny(new Uint8Array(400).fill(7), 20, 20, 0, 0).some((x) => x !== 0), false);
  const rows = (edges: Uint8Array) =>
    new Set([...edges.keys()].filter((i) => edges[i]).map((i) => Math.floor(i / 20)));
  deepStrictEqual(
    [...rows(canny(image, 20, 20, 200, 100))].sort((a, b) => a - b).join(" "),
    "4 5 6 7 8 9 10 11 12 13",
  );
});
