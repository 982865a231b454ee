import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../src/base/errors.ts";
import { openSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { blipKey } from "../../src/models/blip/file.ts";
import { withDefaults } from "../../src/options/mod.ts";
import { compatOptions } from "../../src/options/shared.ts";
import { deviceOptions } from "../../src/runtime/options.ts";
import { checkBlip } from "../../src/tools/captions/check_blip.ts";
import { captionByBlip, captionByGit } from "../../src/tools/captions/make_captions.ts";
import { beamSearch, greedy } from "../../src/tools/captions/decoding/mod.ts";
import {
  type BlipConfig,
  blipOptions,
  type GitConfig,
  gitOptions,
} from "../../src/tools/captions/options.ts";
import { writeBlip, writeGit } from "../golden/caption/models.ts";
import type { GoldenCase } from "../golden/case.ts";
import { readCase } from "../golden/runner.ts";
import { listening, writePictures } from "../training/tiny_run.ts";

const given = (name: string) =>
  readCase(join(import.meta.dirname!, `../golden/data/caption/${name}.json`)) as GoldenCase;

const common = [compatOptions, deviceOptions] as const, small = { device: "cpu", threads: 1 };

function blipConfig(more: Partial<BlipConfig>): BlipConfig {
  const config = withDefaults([blipOptions, ...common], { ...small, maxLength: 8, beamSearch: true });
  return { ...config, trainDataDir: "", ...more };
}

function gitConfig(more: Partial<GitConfig>): GitConfig {
  return { ...withDefaults([gitOptions, ...common], { ...small, maxLength: 6 }), trainDataDir: "", ...more };
}

async function inFolder(body: (dir: string, pictures: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "easel-captions-" });
  try {
    writePictures(join(dir, "d"), 3);
    await body(dir, join(dir, "d", "1_thing"));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const texts = (dir: string, ending: string) =>
  [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.endsWith(ending)).sort()
    .map((name) => Deno.readTextFileSync(join(dir, name)));

Deno.test("captions do not depend on how many pictures are taken at once; broken pictures are left out", () =>
  inFolder(async (dir, trainDataDir) => {
    const captionWeights = writeBlip(dir, given("blip_keys_tiny")),
      modelId = writeGit(folder(dir, "git"), given("git_forward"));
    Deno.writeTextFileSync(join(trainDataDir, "broken.png"), "no picture");
    const heard = listening();
    for (const batchSize of [1, 2]) {
      const captionExtension = `.${batchSize}`, place = { trainDataDir, batchSize, captionExtension };
      await captionByBlip(blipConfig({ ...place, captionWeights }), heard);
      await captionByGit(gitConfig({ ...place, modelId, captionExtension: `.git${batchSize}` }), heard);
    }
    for (const kind of ["", "git"]) {
      const found = texts(trainDataDir, `.${kind}1`);
      strictEqual(found.length, 3);
      ok(found.every((text) => /^\S.*\n$/.test(text)), found.join());
      deepStrictEqual(texts(trainDataDir, `.${kind}2`), found);
    }
    strictEqual(heard.lines.filter((line) => /^warning: left out: .*broken\.png/.test(line)).length, 4);
  }));

Deno.test("a model in transformers' layout, in two files, gives the captions of Salesforce's", () =>
  inFolder(async (dir, trainDataDir) => {
    const original = writeBlip(dir, given("blip_keys_tiny"), "model.safetensors"),
      other = folder(dir, "other");
    await captionByBlip(blipConfig({ trainDataDir, captionWeights: original }), listening());
    for (const name of ["vocab.txt", "config.json"]) Deno.copyFileSync(join(dir, name), join(other, name));
    const file = openSafetensors(original),
      keys = file.keys().map((key) => [key, transformersKey(key)] as const);
    ok(keys.some(([key, name]) => key !== name));
    deepStrictEqual(keys.map(([, name]) => blipKey(name)), keys.map(([key]) => key));
    const tensors = keys.map(([key, name]) => {
      const { dtype, shape } = file.info(key);
      return { name, dtype, shape: [...shape], data: () => file.bytes(key) };
    });
    const half = tensors.length >> 1, weight_map: Record<string, string> = {};
    for (const [i, part] of [tensors.slice(0, half), tensors.slice(half)].entries()) {
      const name = `model-0000${i + 1}-of-00002.safetensors`;
      writeSafetensors(join(other, name), part, {});
      for (const tensor of part) weight_map[tensor.name] = name;
    }
    Deno.writeTextFileSync(join(other, "model.safetensors.index.json"), JSON.stringify({ weight_map }));
    file.close();
    const config = blipConfig({ trainDataDir, captionWeights: other, captionExtension: ".other" });
    await captionByBlip(config, listening());
    deepStrictEqual(texts(trainDataDir, ".other"), texts(trainDataDir, ".caption"));
  }));

/** As transformers' script for converting BLIP renames. */
function transformersKey(key: string): string {
  return key.replace("visual_encoder.cls_token", "vision_model.embeddings.class_embedding")
    .replace("visual_encoder.pos_embed", "vision_model.embeddings.position_embedding")
    .replace("visual_encoder.patch_embed.proj", "vision_model.embeddings.patch_embedding")
    .replace(/visual_encoder\.norm\./, "vision_model.post_layernorm.")
    .replace("visual_encoder.blocks", "vision_model.encoder.layers").replace(
      ".attn.proj.",
      ".self_attn.projection.",
    )
    .replace(".attn.", ".self_attn.").replace(/(layers\.\d+)\.norm([12])/, "$1.layer_norm$2");
}

Deno.test("Salesforce's file keeps its tensors in an entry called model", () => {
  strictEqual(blipKey("model.visual_encoder.cls_token"), "visual_encoder.cls_token");
  strictEqual(blipKey("text_decoder.cls.predictions.bias"), "text_decoder.cls.predictions.bias");
});

Deno.test("a model that is not there or is another, and a length that it does not have, are refused in a line", () =>
  inFolder(async (dir, trainDataDir) => {
    const blip = writeBlip(dir, given("blip_keys_tiny")),
      git = writeGit(folder(dir, "git"), given("git_forward"));
    const lacking = join(folder(dir, "lacking"), "model.safetensors"), strange = folder(dir, "strange");
    const one = (name: string) => [{ name, dtype: "F32", shape: [1, 1], data: () => new Uint8Array(4) }];
    writeSafetensors(lacking, one("visual_encoder.pos_embed"), {});
    Deno.copyFileSync(blip, join(strange, "model.pth"));
    const refused: [Promise<void>, RegExp][] = [
      [
        run({ captionWeights: git }),
        /git\/model\.safetensors: is no BLIP captioning model \(it has no tensor/,
      ],
      [run({ captionWeights: lacking }), /lacking.*word_embeddings\.weight is missing; give a BLIP model/],
      [run({ captionWeights: dir + "/d" }), /\/d: holds no .*model\.safetensors or \.bin/],
      [
        run({ captionWeights: blip, maxLength: 97 }),
        /--max_length 97: .* at most 96 tokens; give 96 or less/,
      ],
      [
        run({ captionWeights: `${strange}/model.pth` }),
        /has 72 words, its vocabulary 30524; put the model's vocab/,
      ],
      [runGit({ modelId: blip }), /model\.pth: is no GIT captioning model/],
      [runGit({ modelId: git, captionExtension: ".webp" }), /\.webp: is a picture's ending/],
      [runGit({ modelId: git, maxLength: 65 }), /--max_length 65: .* at most 64 tokens/],
    ];
    function run(more: Partial<BlipConfig>) {
      return captionByBlip(blipConfig({ trainDataDir, ...more }), listening());
    }
    function runGit(more: Partial<GitConfig>) {
      return captionByGit(gitConfig({ trainDataDir, ...more }), listening());
    }
    for (const [promise, said] of refused) await rejects(promise, said);
    deepStrictEqual(texts(trainDataDir, ".caption"), []);
    throws(() => checkBlip(blipConfig({})), /--caption_weights is needed: .*fetch model_large_caption\.pth/);
    throws(() => checkBlip(blipConfig({ minLength: 9 })), /--min_length 9: is more than --max_length 8/);
  }));

Deno.test("Ctrl-C ends between two pictures, and what is written is whole", () =>
  inFolder(async (dir, trainDataDir) => {
    const captionWeights = writeBlip(dir, given("blip_keys_tiny")), stop = new AbortController();
    const heard = listening(stop.signal);
    const context = {
      ...heard,
      progress: ({ step }: { step: number }) => {
        if (step === 1) stop.abort(new Interrupted("interrupted"));
      },
    };
    await rejects(captionByBlip(blipConfig({ trainDataDir, captionWeights }), context), Interrupted);
    const found = texts(trainDataDir, ".caption");
    ok(
      found.length >= 1 && found.length < 3 && found.every((text) => text.endsWith("\n")),
      String(found.length),
    );
  }));

Deno.test("two beams find what one does not: a likely end behind an unlikely word", async () => {
  // tokens: 0 fills up, 1 ends, 2 and 3 are words; behind 2 everything is likely, behind 3 only the end
  const after: Record<number, number[]> = {
    0: [0, 0, 0.6, 0.4],
    2: [0.3, 0.2, 0.25, 0.25],
    3: [0, 0.97, 0.02, 0.01],
  };
  const next = (rows: readonly (readonly number[])[]) =>
    Promise.resolve(
      Float32Array.from(rows.flatMap((row) => after[row.at(-1)!] ?? [1, 0, 0, 0]), (p) => Math.log(p + 1e-9)),
    );
  const limits = { maxLength: 4, minLength: 0, end: 1, pad: 0 };
  deepStrictEqual(await greedy([[0]], next, limits), [[0, 2, 0, 2]]);
  deepStrictEqual(await beamSearch([[0]], next, limits, 2), [[0, 3, 1]]);
  deepStrictEqual((await greedy([[0], [3]], next, { ...limits, maxLength: 3 }))[1], [3, 1, 0], "filled up");
});

function folder(dir: string, name: string): string {
  const path = join(dir, name);
  Deno.mkdirSync(path);
  return path;
}
