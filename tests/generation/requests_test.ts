import assert from "node:assert/strict";
import { UserError } from "../../src/base/errors.ts";
import type { GenImgConfig } from "../../src/generation/groups.ts";
import { GEN_IMG_DEFAULTS } from "./defaults.ts";
import { checkSize } from "../../src/generation/pipeline/sizes.ts";
import { createSampler } from "../../src/generation/samplers/mod.ts";
import { chosenName, FileNames } from "../../src/generation/pictures/file_names.ts";
import { parsePromptLine, promptLines } from "../../src/generation/prompts/prompt_line.ts";
import { batches, pictureRequests } from "../../src/generation/prompts/requests.ts";
import { parseSampleLine } from "../../src/generation/prompts/sample_prompt.ts";
import { PythonRandom } from "../../src/random/mod.ts";

const config: GenImgConfig = { ...GEN_IMG_DEFAULTS, ckpt: "model.safetensors", seed: 7 };
const size = { width: 512, height: 512 };
const seeds = (c: Partial<GenImgConfig>, lines: string[]) =>
  [...pictureRequests({ ...config, ...c }, lines, size)].map((r) => r.seed);

Deno.test("parsePromptLine() reads gen_img's options and names what it does not know", () => {
  const line = parsePromptLine(
    "a cat --n bad, worse --w 640 --h 384 --d 1,2 --l 5.5 --s 2000 --t 0.4 --am 0.5,1 --zz 1",
  );
  assert.deepEqual(line, {
    prompt: "a cat",
    negativePrompt: "bad, worse",
    width: 640,
    height: 384,
    seeds: [1, 2],
    scale: 5.5,
    steps: 1000,
    strength: 0.4,
    networkMultipliers: [0.5, 1],
    unknown: ["--zz 1"],
  });
  assert.deepEqual(parsePromptLine("a --l -3 --n"), { prompt: "a", unreadable: ["--l -3", "--n"] });
  assert.equal(parsePromptLine("a --nl 3").negativeScale, 3);
  assert.equal(parsePromptLine("a --nl none").negativeScale, null);
  assert.throws(() => parsePromptLine("a --l 1.2.3"), UserError);
  assert.throws(() => parsePromptLine("a --t 1.5"), /prompt option --t 1\.5: "1\.5" is not between 0 and 1/);
});

Deno.test("promptLines() leaves out comments and empty lines", () => {
  assert.deepEqual(promptLines("a\r\n\n# no\n  \nb --d 1\n"), ["a", "b --d 1"]);
});

Deno.test("seeds come from --d, from --seed itself, or from a Python random seeded by it", () => {
  const random = new PythonRandom(7), drawn = [0, 1, 2].map(() => random.randint(0, 2 ** 32 - 1));
  assert.deepEqual(seeds({}, ["a"]), drawn.slice(0, 1));
  assert.deepEqual(seeds({ fromFile: "p.txt" }, ["a"]), [7]);
  assert.deepEqual(seeds({ imagesPerPrompt: 3 }, ["a --d 5,6"]), [5, 6, 6]);
  assert.deepEqual(seeds({ iterSameSeed: true, imagesPerPrompt: 2 }, ["a"]), [drawn[0], drawn[0]]);
});

Deno.test("more pictures than a run can hold, and sizes that no memory holds, are refused at once", () => {
  const lifted = /set EASEL_NO_LIMITS=1/;
  assert.throws(() => seeds({ imagesPerPrompt: 1e9 }, ["a {b|c}"]), lifted);
  assert.throws(
    () => seeds({ nIter: 2 ** 40 }, ["a"]),
    /1099511627776 pictures are asked for, at most 100000/,
  );
  assert.throws(() => checkSize({ width: 80_000, height: 80_000 }, 8), lifted);
  assert.throws(
    () => checkSize({ width: 8192, height: 8192 }, 8, 5),
    /5 pictures of 8192x8192 cannot be drawn at once; lower --batch/,
  );
  checkSize({ width: 8192, height: 8192 }, 8, 4);
  for (const sampler of ["ddim", "euler", "euler_a"]) {
    const options = { steps: 1e9, prediction: "epsilon", stepsOffset: 1, clipSample: false } as const;
    assert.throws(() => createSampler(sampler, options), /1000000000 sampling steps; .* to 1000/);
  }
});

Deno.test("batches() keep together what has equal settings", () => {
  const requests = pictureRequests(config, ["a", "b", "c --s 3", "d"], size);
  assert.deepEqual([...batches(requests, 2)].map((b) => b.map((r) => r.prompt)), [["a", "b"], ["c"], ["d"]]);
});

Deno.test("file names never meet and stay in the folder", () => {
  assert.throws(() => chosenName(" "), /prompt option --f: a name is missing/);
  const names = new FileNames((name) => ["cat.jpeg", "im_000001.png"].includes(name));
  const picture = { index: 0, place: 0, seed: 9 }, time = new Date(2026, 0, 2, 3, 4, 5);
  const next = (fileName: string | null, sequential: boolean, format: "png" | "webp" = "png") =>
    names.next({ ...picture, fileName }, { sequential, format, time });
  assert.equal(next(null, true), "im_000001.png");
  assert.equal(next(null, false), "im_20260102030405_000_9.png");
  assert.equal(next(null, false), "im_20260102030405_000_9_2.png");
  assert.equal(next(null, false, "webp"), "im_20260102030405_000_9.webp");
  assert.equal(next("v1.5", true, "webp"), "v1.5.webp");
  assert.equal(next("cat.jpeg", true), "cat_2.jpeg", "one that lies there already is kept");
  assert.throws(() => next("../x.png", true), UserError);
  assert.throws(() => next("x.tiff", true), /written as PNG, JPEG or WebP/);
});

Deno.test("parseSampleLine() has sd-scripts' defaults, the size apart", () => {
  const { prompt, width, steps, scale, seed, sampler } = parseSampleLine("a (cat:1.2) --s 8 --ss euler_a");
  assert.deepEqual([prompt, width, steps, scale, seed, sampler], [
    "a (cat:1.2)",
    null,
    8,
    7.5,
    null,
    "euler_a",
  ]);
});
