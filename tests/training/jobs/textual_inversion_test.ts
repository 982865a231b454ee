/** Textual inversion: what is learned, what files of it look like, and what is refused. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openCheckpoint, openSafetensors } from "../../../src/formats/mod.ts";
import { familyNamed, readTokenVectors, tokenTables, writeEmbeddings } from "../../../src/models/mod.ts";
import { loadTokenizer, withWords } from "../../../src/text/mod.ts";
import { textBlocks } from "../../../src/models/mod.ts";
import { synthTensor, uniform } from "../../golden/synth.ts";
import { goldenDevice } from "../../golden/device.ts";
import { uploadSynth } from "../../golden/synth_models.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import type { LatentBatch } from "../../../src/training/objective/batch.ts";
import { textInputs } from "../../../src/training/objective/conditioning.ts";
import {
  embeddingTraining,
  trainedVectors,
} from "../../../src/training/trained/textual_inversion/embedding_training.ts";
import { trainNetworkDefaults } from "../defaults.ts";
import { listening, TINY, TINY_SDXL } from "../tiny_run.ts";
import { runTrainer, writeInputs } from "../trainers.ts";

const folder = Deno.makeTempDirSync({ prefix: "easel-inversion-" });
writeInputs(folder);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const [sd1, sdxl] = ["sd1", "sdxl"].map((name) => familyNamed(name)!);
const LINE =
  "train_textual_inversion --token_string zq_thing --learning_rate 5e-3 --save_model_as safetensors " +
  "--use_object_template";

async function run(line: string, out: string, more: string[] = [], sdxl = false): Promise<string[]> {
  const context = listening();
  await runTrainer({ line, sdxl }, folder, out, { more: ["--max_train_steps", "1", ...more], context });
  return context.lines;
}

Deno.test("withWords() finds words as they are written, the longest first, and nothing else changes", async () => {
  const plain = await loadTokenizer("clip_l");
  const words = new Map([["zq", [49408]], ["zq2", [49409, 49410]]]);
  const tokenizer = withWords(plain, words);
  assert.deepEqual(tokenizer.encode("a zq2, azq ZQ"), [
    ...plain.encode("a"),
    49409,
    49410,
    ...plain.encode(", a"),
    49408,
    ...plain.encode("ZQ"),
  ]);
});

Deno.test("vectors begin at the initial words, are trained from there, and go on from a file of any kind", async () => {
  const first = ["--init_word", "red cat", "--num_vectors_per_token", "2", "--learning_rate", "1e-9"];
  await run(LINE, "first", first);
  const [table] = tokenTables(sd1, TINY.shapes), plain = await loadTokenizer("clip_l");
  using model = openSafetensors(join(folder, "sd1.safetensors"));
  const old = model.f32(table.key), ids = plain.encode("red cat");
  const wanted = ids.flatMap((id) => [...old.subarray(id * table.width, (id + 1) * table.width)]);
  const path = join(folder, "first/thing.safetensors");
  {
    using file = openSafetensors(path);
    assert.deepEqual(file.keys(), ["emb_params"]);
    assert.deepEqual(file.info("emb_params").shape, [2, table.width]);
    const values = file.f32("emb_params");
    assert.ok(values.every((x, i) => Math.abs(x - wanted[i]) < 1e-6));
    assert.equal(file.metadata["modelspec.architecture"], "stable-diffusion-v1/textual-inversion");
    assert.equal(file.metadata["modelspec.title"], "thing");
  }
  const read = readTokenVectors(path, sd1, TINY.shapes)[0]!;
  for (const [name, precision] of [["a.pt", null], ["b.ckpt", "fp16"], ["c.bin", "bf16"]] as const) {
    const other = join(folder, name);
    writeEmbeddings(other, [{ name: "emb_params", ...read }], precision, null);
    using file = openCheckpoint(other);
    assert.equal(
      file.info("emb_params").dtype,
      { fp16: "F16", bf16: "BF16", none: "F32" }[precision ?? "none"],
    );
    const more = ["--weights", other, "--num_vectors_per_token", "2", "--learning_rate", "1e-2"];
    await run(LINE, `from ${name}`, more);
    const now = readTokenVectors(join(folder, `from ${name}`, "thing.safetensors"), sd1, TINY.shapes)[0]!;
    const moved = now.values.map((x, i) => Math.abs(x - wanted[i]));
    assert.ok(
      Math.max(...moved) > 5e-3 && Math.max(...moved) < 2e-2,
      `${name} moved by ${Math.max(...moved)}`,
    );
  }
});

Deno.test("a whole table that is put back trains the same vectors, where nothing is clipped", async () => {
  const [table] = tokenTables(sd1, TINY.shapes),
    old = (key: string) => synthTensor(key, TINY.shapes.get(key)!);
  const values = old(table.key).slice(0, 2 * table.width), ids = new Int32Array(77).fill(49407);
  ids.set([49406, 320, table.vocabulary, table.vocabulary + 1, 4]);
  const batch: LatentBatch = {
    latents: uniform("latents", 4 * 64, 1),
    shape: [1, 4, 8, 8],
    chunks: 1,
    sampleWeights: [1],
    model: textInputs(sd1, { ids: [ids] }),
  };
  const trained = async (wholeTable: typeof old | null) => {
    const device = goldenDevice(), store = new ParameterStore(device);
    const wanted = (key: string) =>
      !key.startsWith("first_stage_model") && (!wholeTable || key !== table.key);
    uploadSynth(store, TINY.shapes, { wanted });
    const news = [{ table, values, count: 2 }],
      config = { ...trainNetworkDefaults, maxGradNorm: 0, learningRate: 1e-2 };
    const options = { blocks: null, wholeTable };
    const training = embeddingTraining(store, { family: sd1, shapes: TINY.shapes }, news, config, options);
    const generators = { torch: new TorchGenerator(1), python: new PythonRandom(1) };
    for (let step = 0; step < 2; step++) await training.train(batch, generators);
    const [vectors] = trainedVectors(training, news).map((each) => each.slice());
    const kept = wholeTable ? store.download(table.key).subarray(0, old(table.key).length) : old(table.key);
    training.destroy();
    store.destroy();
    device.close();
    return { vectors, kept };
  };
  const rows = await trained(null), whole = await trained(old);
  assert.ok(rows.vectors.every((x, i) => Math.abs(x - whole.vectors[i]) < 1e-6));
  assert.ok(rows.vectors.some((x, i) => Math.abs(x - values[i]) > 5e-3));
  assert.deepEqual(whole.kept, old(table.key));
});

Deno.test("XTI writes a tensor for each block, and goes on from such a file", async () => {
  const line = LINE.replace("train_textual_inversion", "train_textual_inversion_XTI");
  await run(line, "xti", ["--init_word", "cat"]);
  const path = join(folder, "xti/thing.safetensors");
  using file = openSafetensors(path);
  assert.deepEqual(file.keys().sort(), textBlocks(TINY.shapes).map(({ name }) => name).sort());
  await run(line, "xti again", ["--weights", path]);
  await assert.rejects(run(line, "xti no", ["--weights", join(folder, "first/thing.safetensors")]), {
    message: `${
      join(folder, "first/thing.safetensors")
    }: has no vectors for IN01; give a file of train_textual_inversion_XTI`,
  });
});

Deno.test("SDXL has vectors of both text encoders; a file of the other family is refused by its width", async () => {
  const line = `sdxl_${LINE}`;
  await run(line, "sdxl", ["--init_word", "cat"], true);
  const path = join(folder, "sdxl/thing.safetensors");
  assert.deepEqual(readTokenVectors(path, sdxl, TINY_SDXL.shapes).map((each) => each!.count), [1, 1]);
  await run(line, "sdxl again", ["--weights", path], true);
  const odd = join(folder, "odd.safetensors");
  writeEmbeddings(odd, [{ name: "emb_params", count: 1, width: 3, values: new Float32Array(3) }], null, {});
  await assert.rejects(run(LINE, "no", ["--weights", odd]), {
    message:
      `${odd}: emb_params is [1, 3], this SD1 model takes vectors of 64 numbers; use an embedding that was made for SD1`,
  });
  await assert.rejects(run(line, "no", ["--weights", odd], true), {
    message: `${odd}: holds no vectors for SDXL (clip_l, clip_g); give an embedding`,
  });
});

Deno.test("sample pictures are drawn with the word as it is now", async () => {
  const prompts = join(folder, "prompts.txt");
  Deno.writeTextFileSync(prompts, "a photo of zq_thing --w 64 --h 64 --s 1 --d 1\n");
  const more = [
    "--sample_prompts",
    prompts,
    "--sample_every_n_steps",
    "1",
    "--sample_at_first",
    "--max_train_steps",
    "1",
  ];
  const lines = await run(LINE, "samples", [...more, "--learning_rate", "1"]);
  assert.equal(lines.filter((line) => line.startsWith("sample picture: ")).length, 2, lines.join("\n"));
  const pictures = [...Deno.readDirSync(join(folder, "samples/sample"))].map(({ name }) =>
    Deno.readFileSync(join(folder, "samples/sample", name))
  );
  assert.notDeepEqual(pictures[0], pictures[1]);
  await run(LINE, "compat samples", [...more, "--compat", "0.9.1"]);
  assert.equal([...Deno.readDirSync(join(folder, "compat samples/sample"))].length, 2);
});

Deno.test("words that mean something, numbers that do not fit and captions without the word are told", async () => {
  const refused = (more: string[], message: RegExp) =>
    assert.rejects(run(LINE, "refused", more), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
  await refused(
    ["--token_string", "cat"],
    /^--token_string cat: the text encoder knows this word already; give one/,
  );
  await refused(["--token_string", " x"], /begins or ends with a space/);
  await refused(
    ["--use_style_template"],
    /^--use_object_template and --use_style_template contradict each other/,
  );
  // read before the words are looked at, and not when the first file is saved
  const thumbnail = ["--metadata_thumbnail", join(folder, "none.png"), "--token_string", "cat"];
  await refused(thumbnail, /none\.png: cannot be read/);
  const two = ["--weights", join(folder, "first/thing.safetensors")];
  await refused(
    two,
    /thing\.safetensors: holds 2 vectors for a word, --num_vectors_per_token 1 is asked for/,
  );
  const lines = await run(LINE.replace(" --use_object_template", ""), "unread");
  assert.match(lines.join("\n"), /warning: no caption holds "zq_thing": .* give --use_object_template/);
});
