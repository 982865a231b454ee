/** Settings read back from pictures of gen_img, web interfaces and others. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { commentTiff, jpegWithComment } from "../../../src/images/codecs/exif_comment.ts";
import { encodePng } from "../../../src/images/png_file.ts";
import { writePicture } from "../../../src/images/write.ts";
import { pictureSettings } from "../../../src/studio/draw/picture_settings.ts";
import { parseWebUiText } from "../../../src/studio/draw/web_ui_text.ts";
import { takeLoraTags } from "../../../src/text/mod.ts";

const PIXELS = { width: 2, height: 2, data: new Uint8Array(12) };
const WEB_UI = [
  "a cat, (best quality:1.2) <lora:cat style:0.7>",
  "second line",
  "Negative prompt: blurry,",
  "text",
  'Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4294967295, Size: 512x768, Model hash: abc, Model: dream, Clip skip: 2, Lora hashes: "cat style: 0123, b: 45", Version: v1.9',
].join("\n");

Deno.test("the web UI's text is taken apart, LoRAs out of the prompt", () => {
  const found = pictureSettings(encodePng(PIXELS, [["parameters", WEB_UI]]));
  assert.deepEqual({ ...found, texts: found.texts.length }, {
    by: "web_ui",
    prompt: "a cat, (best quality:1.2) \nsecond line",
    negativePrompt: "blurry,\ntext",
    seed: 4294967295,
    sampler: "dpmpp_2m",
    steps: 20,
    scale: 6.5,
    width: 512,
    height: 768,
    clipSkip: 2,
    model: "dream",
    loras: [{ name: "cat style", strength: 0.7 }],
    texts: 1,
  });
  assert.equal(parseWebUiText(WEB_UI).entries.get("Lora hashes"), "cat style: 0123, b: 45");
});

Deno.test("gen_img's own entries count where both stand; the reference's files have only those", () => {
  const own: [string, string][] = [
    ...[["prompt", "a cat --x"], ["seed", "7"], ["sampler", "k_euler_a"], ["steps", "30"]] as [
      string,
      string,
    ][],
    ...[["scale", "7.0"], ["negative-prompt", "bad"]] as [string, string][],
  ];
  const { texts: _, ...alone } = pictureSettings(encodePng(PIXELS, own));
  assert.deepEqual(alone, {
    ...{
      by: "gen_img",
      prompt: "a cat --x",
      negativePrompt: "bad",
      seed: 7,
      sampler: "k_euler_a",
      steps: 30,
    },
    ...{ scale: 7, width: null, height: null, clipSkip: null, model: null, loras: [] },
  });
  const both = pictureSettings(encodePng(PIXELS, [...own, ["parameters", WEB_UI]]));
  assert.deepEqual([both.by, both.sampler, both.width, both.model], ["gen_img", "k_euler_a", 512, "dream"]);
  assert.deepEqual(
    both.loras,
    [{ name: "cat style", strength: 0.7 }],
    "as they were, whatever the prompt said",
  );
});

Deno.test("JPEG and WebP say the same, by either order of bytes", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const ending of ["jpg", "webp"]) {
      const path = join(dir, `p.${ending}`);
      await writePicture(path, { width: 16, height: 16, data: new Uint8Array(768) }, { jpeg: 90 }, [[
        "parameters",
        `${WEB_UI.replace("a cat", "고양이 a cat")}`,
      ]]);
      const { prompt, seed } = pictureSettings(Deno.readFileSync(path));
      assert.deepEqual([prompt!.slice(0, 9), seed], ["고양이 a cat", 4294967295], ending);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
  // piexif, which the web UI uses, in big-endian files; others write the letters low byte first
  const tiff = commentTiff("Steps: 3"), letters = tiff.subarray(tiff.length - 16);
  for (let i = 0; i < 16; i += 2) [letters[i], letters[i + 1]] = [letters[i + 1], letters[i]];
  const swapped = jpegWithComment(Uint8Array.of(0xff, 0xd8, 0xff, 0xda), "Steps: 3");
  swapped.set(tiff, swapped.length - 2 - tiff.length);
  assert.equal(pictureSettings(swapped).steps, 3);
});

Deno.test("of anything else nothing is known, and nothing breaks", () => {
  const graph = pictureSettings(
    encodePng(PIXELS, [["prompt", '{"3": {"class_type": "KSampler"}}'], ["workflow", "{}"]]),
  );
  assert.deepEqual([graph.by, graph.prompt, graph.texts.length], ["comfy", null, 2]);
  const whole = jpegWithComment(Uint8Array.of(0xff, 0xd8, 0xff, 0xda), WEB_UI);
  for (let cut = 0; cut < whole.length; cut += 7) pictureSettings(whole.subarray(0, cut));
  for (
    const bytes of [
      new Uint8Array(),
      new Uint8Array(100).fill(255),
      new TextEncoder().encode("RIFF____WEBPEXIF"),
    ]
  ) {
    assert.equal(pictureSettings(bytes).by, null);
  }
  const hostile = pictureSettings(
    encodePng(PIXELS, [["parameters", "<lora:> <hypernet:x:1>\nSteps: 1e999, Seed: x, Size: axb"]]),
  );
  assert.deepEqual([hostile.steps, hostile.seed, hostile.width, hostile.loras], [null, null, null, []]);
  const endless = pictureSettings(
    encodePng(PIXELS, Array.from({ length: 300 }, (_, i) => [`k${i}`, "x".repeat(30_000)])),
  );
  assert.deepEqual([endless.texts.length, endless.texts[0][1].length], [100, 20_000]);
});

Deno.test("no text takes long, whatever stands in it", () => {
  const many = (text: string) => text.repeat(300_000 / text.length);
  for (
    const text of [many("a"), many(" "), many(", Hashes: {"), many('a:"'), many("a: \\"), many("<lora:a")]
  ) {
    const begun = performance.now();
    takeLoraTags(parseWebUiText(`Steps: 20, ${text}`).prompt);
    takeLoraTags(text);
    assert.ok(performance.now() - begun < 2000, `${text.slice(0, 12)}: ${performance.now() - begun} ms`);
  }
});
