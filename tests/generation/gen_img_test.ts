import assert from "node:assert/strict";
import { quietContext } from "../../src/base/job.ts";
import { encodePng } from "../../src/images/png_file.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";
import { writeSynthUpscaler } from "../golden/prepare/upscaler.ts";
import { writeSynthEsrgan } from "../models/esrgan/sample.ts";
import { genImg } from "../../src/generation/gen_img.ts";
import { difference, draw, makeFiles } from "./drawn.ts";

Deno.test("genImg() draws from a file, alone or in a batch, with a LoRA merged or live", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt, lora } = makeFiles(dir);
    const [plain] = await draw(dir, "plain", { ckpt });
    assert.equal(plain.length, 64 * 64 * 3);
    const pair = await draw(dir, "pair", {
      ckpt,
      prompt: "a cat --d 3,4",
      imagesPerPrompt: 2,
      batchSize: 2,
      sampler: "ddim",
    });
    const [single] = await draw(dir, "single", { ckpt, sampler: "ddim" });
    assert.ok(difference(pair[0], single) < 0.1, "a picture does not depend on its batch");
    assert.ok(difference(pair[0], pair[1]) > 1, "another seed is another picture");

    const networks = { ckpt, networkWeights: [lora], networkMul: [0.8] };
    const [live] = await draw(dir, "live", networks);
    const [merged] = await draw(dir, "merged", { ...networks, networkMerge: true });
    const [off] = await draw(dir, "off", { ...networks, prompt: "a cat --d 3 --am 0" });
    assert.ok(difference(live, plain) > 1, "the LoRA changes the picture");
    assert.ok(difference(live, merged) < 0.2, "merged and live agree");
    assert.ok(difference(off, plain) < 0.1, "multiplier 0 is no LoRA");

    const png = `${dir}/plain/im_000001.png`;
    assert.ok(
      new TextDecoder("latin1").decode(Deno.readFileSync(png)).includes("Steps: 2, Sampler: Euler a"),
    );
    const [near] = await draw(dir, "near", {
      ckpt,
      imagePath: png,
      strength: 0.1,
      W: null,
      H: null,
      steps: 10,
    });
    assert.equal(near.length, plain.length);

    const sizes = { ckpt, W: null, H: 72, steps: 1 };
    const [own] = await draw(dir, "own", sizes);
    assert.equal(own.length, 80 * 72 * 3, "the file's own width, the flag's height");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("genImg() draws with the LoRAs that a prompt names, and the picture says so", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt, lora } = makeFiles(dir);
    const networks = { ckpt, networkWeights: [lora], networkMul: [0.8] };
    const [plain] = await draw(dir, "plain", { ckpt });
    const [live] = await draw(dir, "live", networks);
    await draw(dir, "merged", { ...networks, networkMerge: true });
    await draw(dir, "off", { ...networks, prompt: "a cat --d 3 --am 0" });
    const prompt = (tags: string) => ({ ckpt, loraDir: [dir], prompt: `a cat${tags} --d 3` });
    const [tagged] = await draw(dir, "tagged", prompt(" <lora:lora:0.8>"));
    assert.ok(difference(tagged, live) < 0.1, "a tag is as good as flags");
    const [both] = await draw(dir, "both", { ...networks, ...prompt(" <lora:lora:0.5> <lora:lora:0.5>") });
    assert.ok(difference(both, live) < 0.1, "strengths of tags add up and multiply the flag's");
    const [words] = await draw(dir, "words", prompt("\\<lora:lora:0.8>"));
    const [reference] = await draw(dir, "compat", { ...prompt("<lora:lora:0.8>"), compat: "0.9.1" });
    assert.ok(
      difference(words, plain) > 0.1 && difference(reference, plain) > 0.1,
      "words when they should be",
    );
    const [unet] = await draw(dir, "unet", prompt(" <lora:lora:0:0.8>"));
    const [text] = await draw(dir, "text", prompt(" <lora:lora:0.8:0>"));
    assert.ok(difference(unet, text) > 0.5 && difference(unet, live) > 0.1, "each part has its strength");
    await assert.rejects(
      draw(dir, "none", prompt(" <lora:nothing:1>")),
      /<lora:nothing:1>: there is no such LoRA/,
    );
    await assert.rejects(
      draw(dir, "fixed", { ...networks, networkMerge: true, ...prompt(" <lora:lora:0.5>") }),
      /merged into the model/,
    );
    const parameters = (name: string) =>
      /parameters\0([^\0]*?CFG[^\0]*?Hashes: [^}]*})/.exec(
        new TextDecoder("latin1").decode(Deno.readFileSync(`${dir}/${name}/im_000001.png`)),
      )![1];
    assert.match(
      parameters("live"),
      /^a cat <lora:lora:0\.8>\n.*, Lora hashes: "lora: [0-9a-f]{12}", Hashes/s,
    );
    assert.match(parameters("unet"), /^a cat <lora:lora:0:0\.8>\n/);
    assert.match(parameters("merged"), /^a cat <lora:lora:0\.8>\n/);
    assert.doesNotMatch(parameters("off"), /lora/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("genImg() refuses before it loads what it cannot draw", async () => {
  const bad = (options: Partial<GenImgConfig>) =>
    genImg({ ...GEN_IMG_DEFAULTS, ckpt: "/nowhere.safetensors", prompt: "a", ...options }, quietContext());
  await assert.rejects(bad({ maskPath: "mask.png" }), /--mask_path .* give the picture as --image_path/);
  await assert.rejects(
    bad({ ckpt: "builtin:tiny", gradualLatentTimesteps: 700, sampler: "ddim" }),
    /Gradual Latent is possible with --sampler euler_a, ddim is given/,
  );
  await assert.rejects(bad({ prompt: null }), /nothing to draw/);
  await assert.rejects(bad({}), /nowhere\.safetensors/);
});

Deno.test("a second pass writes the larger picture, and the first one where it is wanted", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt } = makeFiles(dir),
      twice = { ckpt, highresFixScale: 0.5, highresFixSteps: 2, highresFixSave1st: true };
    const files = (name: string) => [...Deno.readDirSync(`${dir}/${name}`)].map((entry) => entry.name).sort();
    const latents = await draw(dir, "latents", { ...twice, highresFixLatentsUpscaling: true });
    assert.deepEqual(files("latents"), ["im_0000001.png", "im_1000001.png"]);
    assert.deepEqual(latents.map((data) => data.length), [32 * 32 * 3, 64 * 64 * 3]);
    const pictures = await draw(dir, "pictures", {
      ...twice,
      highresFixSave1st: false,
      negativeScale: 1,
      dsDepth1: 1,
    });
    assert.deepEqual(files("pictures"), ["im_1000001.png"]);
    assert.notDeepEqual(pictures[0], latents[1]);
    await assert.rejects(
      draw(dir, "small", { ...twice, W: 40 }),
      /--highres_fix_scale 0\.5 makes 0x32 of 40x64/,
    );
    writeSynthEsrgan(`${dir}/x4.pth.safetensors`);
    writeSynthUpscaler(`${dir}/latent.safetensors`);
    const once = { ...twice, highresFixSave1st: false };
    const [plain] = await draw(dir, "plain", once);
    const [enlarged] = await draw(dir, "x4", { ...once, highresFixUpscaler: `${dir}/x4.pth.safetensors` });
    const [sharp] = await draw(dir, "module", {
      ...once,
      highresFixUpscaler: "tools.latent_upscaler",
      highresFixUpscalerArgs: `weights=${dir}/latent.safetensors`,
    });
    const [asTraining] = await draw(dir, "compat", {
      ...once,
      highresFixUpscaler: `${dir}/latent.safetensors`,
      compat: "0.9.1",
    });
    assert.deepEqual([enlarged.length, sharp.length], [64 * 64 * 3, 64 * 64 * 3]);
    assert.ok(difference(asTraining, sharp) > 0.01, "norms of the picture's own statistics");
    const apart = [difference(enlarged, plain), difference(sharp, plain), difference(sharp, enlarged)];
    assert.ok(apart.every((distance) => distance > 0.01), apart.join());
    await assert.rejects(draw(dir, "none", { ...once, highresFixUpscaler: ckpt }), /an upscaler is wanted/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("pictures are named after their sources, and a network's metadata are shown", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const { ckpt, lora } = makeFiles(dir), lines: string[] = [];
    Deno.mkdirSync(`${dir}/in`);
    for (const name of ["one.png", "two.png"]) {
      Deno.writeFileSync(
        `${dir}/in/${name}`,
        encodePng({ width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) }),
      );
    }
    const named = {
      ckpt,
      W: null,
      H: null,
      imagePath: `${dir}/in`,
      useOriginalFileName: true,
      outdir: `${dir}/out`,
      imageFormat: "webp" as const,
    };
    const config = {
      ...GEN_IMG_DEFAULTS,
      ...named,
      prompt: "a",
      imagesPerPrompt: 3,
      steps: 1,
      sampler: "euler" as const,
    };
    await genImg({ ...config, networkWeights: [lora], networkShowMeta: true }, {
      ...quietContext(),
      log: (line) => lines.push(line),
    });
    assert.deepEqual([...Deno.readDirSync(`${dir}/out`)].map((entry) => entry.name).sort(), [
      "one.webp",
      "one_2.webp",
      "two.webp",
    ]);
    assert.ok(lines.some((line) => line.endsWith("lora.safetensors: metadata {}")), lines.join());
    await assert.rejects(genImg({ ...config, imagePath: null }, quietContext()), /give it, or leave it away/);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
