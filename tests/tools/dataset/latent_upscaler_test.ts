/** latent_upscaler from files to files. */

import { deepStrictEqual, match, rejects } from "node:assert/strict";
import { join } from "node:path";
import { quietContext } from "../../../src/base/job.ts";
import { loadImage } from "../../../src/images/load.ts";
import { writePicture } from "../../../src/images/write.ts";
import { globPaths } from "../../../src/tools/dataset/pictures/glob.ts";
import {
  type LatentUpscalerConfig,
  upscaleLatents,
} from "../../../src/tools/dataset/pictures/latent_upscaler.ts";
import { drawn } from "../../golden/prepare/pictures.ts";
import { writeSynthUpscaler } from "../../golden/prepare/upscaler.ts";
import { listening, writeTinyModel } from "../../training/tiny_run.ts";

Deno.test("upscaleLatents() doubles pictures of any size and never replaces one that it reads", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-upscaler-" }), at = (name: string) => join(dir, name);
  writeTinyModel(at("model.safetensors"));
  writeSynthUpscaler(at("upscaler.safetensors"));
  await writePicture(at("a.png"), drawn({ w: 18, h: 16, seed: 1 }));
  await writePicture(at("b.png"), drawn({ w: 8, h: 24, seed: 2 }));
  Deno.writeTextFileSync(at("c.png"), "no picture");
  const config: LatentUpscalerConfig = {
    ...{
      vaePath: at("model.safetensors"),
      weights: at("upscaler.safetensors"),
      imagePattern: at("[a-c].png"),
    },
    ...{ outputDir: at("out"), batchSize: 4, vaeBatchSize: 1, seed: 1, debug: true, compat: null },
    ...{ device: "cpu", threads: 1, vramBudget: null, noVendorLibs: false },
  };
  const context = listening();
  await upscaleLatents(config, context);
  match(context.lines.join("\n"), /warning: .*c\.png: is no PNG.*; it is left out/);
  const sizes = async (name: string) => {
    const { width, height } = await loadImage(at(`out/${name}`));
    return [width, height];
  };
  deepStrictEqual([await sizes("a_upscaled.png"), await sizes("b_lanczos4.png")], [[32, 32], [16, 48]]);
  await Deno.copyFile(at("a.png"), at("a_upscaled.png"));
  await rejects(
    upscaleLatents({ ...config, imagePattern: at("a*.png"), outputDir: dir }, quietContext()),
    /a_upscaled\.png: would replace .*a_upscaled\.png; give another --output_dir/,
  );
  await rejects(upscaleLatents({ ...config, imagePattern: at("x*") }, quietContext()), /fits no file/);
  for (const folder of ["d", "e"]) {
    Deno.mkdirSync(at(folder));
    await Deno.copyFile(at("a.png"), at(`${folder}/a.png`));
  }
  await rejects(
    upscaleLatents({ ...config, imagePattern: at("[de]/a.png") }, quietContext()),
    /d\/a\.png and .*e\/a\.png would share .*out\/a_upscaled\.png; rename one/,
  );
  await rejects(
    upscaleLatents({ ...config, weights: config.vaePath }, quietContext()),
    /has no conv1\.weight; a latent upscaler is wanted/,
  );
});

Deno.test("upscaleLatents() opens a picture when its turn comes, and leaves out what is damaged by then", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-upscaler-" }), at = (name: string) => join(dir, name);
  writeTinyModel(at("model.safetensors"));
  writeSynthUpscaler(at("upscaler.safetensors"));
  for (const i of [0, 1, 2, 3, 4]) await writePicture(at(`${i}.png`), drawn({ w: 8, h: 8, seed: i }));
  const context = listening(), { progress } = context;
  await upscaleLatents({
    ...{
      vaePath: at("model.safetensors"),
      weights: at("upscaler.safetensors"),
      imagePattern: at("[0-9].png"),
    },
    ...{ outputDir: at("out"), batchSize: 1, vaeBatchSize: 1, seed: 1, debug: false, compat: null },
    ...{ device: "cpu", threads: 1, vramBudget: null, noVendorLibs: false },
  }, {
    ...context,
    progress(event) {
      progress(event);
      // the head still says the size
      if (event.task === "upscaling" && event.step === 1) Deno.truncateSync(at("4.png"), 60);
    },
  });
  deepStrictEqual(
    [...Deno.readDirSync(at("out"))].map(({ name }) => name).sort(),
    [0, 1, 2, 3].map((i) => `${i}_upscaled.png`),
  );
  match(context.lines.join("\n"), /warning: .*4\.png: .*; it is left out\n.*: 4 pictures at twice the size/);
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("globPaths() reads patterns as Python's glob does", () => {
  const dir = Deno.makeTempDirSync({ prefix: "easel-glob-" });
  Deno.mkdirSync(join(dir, "sub.d"));
  for (const name of ["a.png", "b.png", ".c.png", "[x].png", "sub.d/a.png"]) {
    Deno.writeTextFileSync(join(dir, name), "");
  }
  const found = (pattern: string) => globPaths(join(dir, pattern)).map((path) => path.slice(dir.length + 1));
  deepStrictEqual(found("*.png"), ["[x].png", "a.png", "b.png"]);
  deepStrictEqual(found(".*.png"), [".c.png"]);
  deepStrictEqual(found("[!a].png"), ["b.png"]);
  deepStrictEqual(found("[[]x].png"), ["[x].png"]);
  deepStrictEqual(found("sub.?/*"), ["sub.d/a.png"]);
  deepStrictEqual(found("none/*"), []);
});
