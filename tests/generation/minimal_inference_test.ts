import assert from "node:assert/strict";
import { quietContext } from "../../src/base/job.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { readLoraWeight } from "../../src/generation/minimal/loras.ts";
import { minimalInference } from "../../src/generation/minimal/minimal_inference.ts";
import { type MinimalConfig, minimalGroups } from "../../src/generation/minimal/options.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { synthTensor } from "../golden/synth.ts";
import { caseModel } from "../golden/synth_models.ts";

Deno.test("sdxl_minimal_inference draws from flags and from answers", async (t) => {
  const dir = Deno.makeTempDirSync(), ckptPath = `${dir}/tiny.safetensors`;
  const { shapes } = caseModel({ model: "sdxl-tiny" });
  writeSafetensors(
    ckptPath,
    [...shapes].map(([name, shape]) => ({
      ...{ name, dtype: "F32", shape: [...shape] },
      data: () => new Uint8Array(synthTensor(name, shape).buffer),
    })),
  );
  let runs = 0;
  const defaults = withDefaults(minimalGroups, { ckptPath, W: 64, H: 64, steps: 2, threads: 1 });
  const draw = async (options: Partial<MinimalConfig>, answers: readonly string[] = []) => {
    const outputDir = `${dir}/${runs++}`, warnings: string[] = [], asked: string[] = [], rest = [...answers];
    const context = { ...quietContext(), warn: (text: string) => void warnings.push(text) };
    await minimalInference({ ...defaults, seed: 3, outputDir, ...options }, context, (question) => {
      asked.push(question);
      return Promise.resolve(rest.shift() ?? null);
    });
    const names = [...Deno.readDirSync(outputDir)].map(({ name }) => name).sort();
    for (const name of names) assert.match(name, /^image_\d{8}-\d{6}_00\d\.png$/);
    return { pictures: names.map((name) => Deno.readFileSync(`${outputDir}/${name}`)), warnings, asked };
  };
  /** Without the texts, which say the prompt. */
  const pixels = (png: Uint8Array) => {
    const text = new TextDecoder("latin1").decode(png);
    return text.slice(text.indexOf("IDAT"));
  };
  const same = (a: Uint8Array, b: Uint8Array) => assert.ok(pixels(a) === pixels(b));
  const other = (a: Uint8Array, b: Uint8Array) => assert.ok(pixels(a) !== pixels(b));

  const { pictures: [cat] } = await draw({});
  await t.step("the second prompt is the second encoder's, and forgotten as the script does", async () => {
    const dog = { prompt2: "a red dog" };
    other((await draw(dog)).pictures[0], cat);
    same((await draw({ prompt2: "A photo of a cat" })).pictures[0], cat);
    const compat = { compat: "0.9.1" } as const;
    same((await draw({ ...compat, ...dog })).pictures[0], (await draw(compat)).pictures[0]);
  });
  await t.step(
    "where nothing is padded --compat changes nothing: the script's autoencoder attends, unlike gen_img's",
    async () => {
      const full = { prompt: "cat ".repeat(75), negativePrompt: "dog ".repeat(75) };
      same((await draw({ ...full, compat: "0.9.1" })).pictures[0], (await draw(full)).pictures[0]);
    },
  );
  await t.step("brackets are words, the negative prompt counts", async () => {
    other((await draw({ prompt: "A photo of a (cat:1)" })).pictures[0], cat);
    other((await draw({ negativePrompt: "blurry" })).pictures[0], cat);
  });
  await t.step("the console is asked until a prompt is empty", async () => {
    const answers = ["A photo of a cat", "", "", "x", "3", "a dog", "a red dog", "blurry", "", ""];
    const { pictures, warnings, asked } = await draw({ interactive: true, seed: null }, answers);
    const round = ["prompt: ", "prompt2: ", "negative prompt: ", "seed: "];
    assert.deepEqual(asked, [...round, "seed: ", ...round, "prompt: "]);
    assert.equal(pictures.length, 2);
    assert.ok(pictures.some((picture) => pixels(picture) === pixels(cat)));
    assert.deepEqual(warnings, ['seed "x" is not a whole number; give one, or nothing for one by chance']);
  });
  await t.step("a model that is no SDXL is refused", async () => {
    await assert.rejects(
      draw({ ckptPath: "builtin:tiny" }),
      /is an SD1 checkpoint, this command is for SDXL; take gen_img or/,
    );
  });
  Deno.removeSync(dir, { recursive: true });
});

Deno.test("--lora_weights is a file, or a file and a strength", () => {
  assert.deepEqual(readLoraWeight("b.pt"), { path: "b.pt", multiplier: 1 });
  assert.deepEqual(readLoraWeight("C:\\cat.safetensors;-0.5"), {
    path: "C:\\cat.safetensors",
    multiplier: -0.5,
  });
  assert.throws(() => readLoraWeight("cat.safetensors;"), /a strength looks like cat.safetensors;0.8/);
});
