/** cache_latents and cache_text_encoder_outputs: what golden cases leave open. */

import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { Interrupted } from "../../../src/base/errors.ts";
import { quietContext } from "../../../src/base/job.ts";
import { rowsOf, withDefaults } from "../../../src/options/mod.ts";
import { cacheLatents } from "../../../src/tools/dataset/caches/cache_latents.ts";
import { cacheLatentsGroups, cacheTextGroups } from "../../../src/tools/dataset/caches/cache_options.ts";
import {
  controlNetGroups,
  fineTuneGroups,
  llliteGroups,
  sdxlControlNetGroups,
  sdxlTextualInversionGroups,
  sdxlTrainGroups,
  sdxlTrainNetworkGroups,
  textualInversionGroups,
  trainDbGroups,
  trainNetworkGroups,
} from "../../../src/training/options.ts";
import { cacheText } from "../../../src/tools/dataset/caches/cache_text.ts";
import { readNpz } from "../../../src/formats/npz.ts";
import { writeSynthModel } from "../../golden/prepare/arrays.ts";
import { listening, tinyRun } from "../../training/tiny_run.ts";

const ALL = ["latents", "latents_flipped"];

function given(pictures = 2) {
  const { dir } = tinyRun(pictures), file = (name: string) => join(dir, "data/1_thing", name);
  const values = {
    ...{
      pretrainedModelNameOrPath: join(dir, "model.safetensors"),
      trainDataDir: join(dir, "data"),
      resolution: "64",
    },
    ...{ captionExtension: ".txt", seed: 1, threads: 1, device: "cpu" },
  };
  return { file, values };
}

Deno.test("caches take the command line of every training, with each choice of a flag", () => {
  const trainings = [
    trainNetworkGroups,
    sdxlTrainNetworkGroups,
    fineTuneGroups,
    trainDbGroups,
    sdxlTrainGroups,
    textualInversionGroups,
    sdxlTextualInversionGroups,
    controlNetGroups,
    sdxlControlNetGroups,
    llliteGroups,
  ];
  for (const cache of [cacheLatentsGroups, cacheTextGroups]) {
    const taken = rowsOf(cache);
    for (const training of trainings) {
      for (const [name, { choices }] of Object.entries(rowsOf(training))) {
        ok(name in taken, name);
        const known = taken[name].choices;
        deepStrictEqual(
          known && (choices ?? ["any"]).filter((each) => !known.includes(each)),
          known && [],
          name,
        );
      }
    }
  }
});

Deno.test("cacheLatents() makes files again unless --skip_existing keeps those that fit", async () => {
  const { file, values } = given();
  const latents = withDefaults(cacheLatentsGroups, values);
  await cacheLatents(latents, quietContext());
  const before = Deno.readFileSync(file("1.npz"));
  await cacheLatents({ ...latents, seed: 2, skipExisting: true }, quietContext());
  deepStrictEqual(Deno.readFileSync(file("1.npz")), before);
  await cacheLatents({ ...latents, seed: 2 }, quietContext());
  notDeepStrictEqual(Deno.readFileSync(file("1.npz")), before);
});

Deno.test("cacheLatents() that is interrupted leaves no half a file", async () => {
  const { file, values } = given();
  const stopped = quietContext(AbortSignal.abort(new Interrupted("interrupted")));
  await rejects(cacheLatents(withDefaults(cacheLatentsGroups, values), stopped), Interrupted);
  strictEqual([...Deno.readDirSync(file("."))].filter(({ name }) => name.includes("npz")).length, 0);
});

Deno.test("cacheLatents() keeps what it made for an earlier dataset of the same pictures, also by a link", async () => {
  const { file, values } = given(), heard = listening();
  const datasetConfig = join(values.trainDataDir, "..", "sets.toml");
  const link = join(values.trainDataDir, "link");
  Deno.symlinkSync(file("."), link);
  const dataset = (resolution: number, subset: string, folder = file(".")) =>
    `[[datasets]]\nresolution = ${resolution}\n[[datasets.subsets]]\nimage_dir = "${folder}"\n${subset}\n`;
  Deno.writeTextFileSync(
    datasetConfig,
    dataset(64, "flip_aug = true") + dataset(64, "") + dataset(128, "") +
      dataset(64, "", link) + dataset(128, "", link),
  );
  await cacheLatents({ ...withDefaults(cacheLatentsGroups, values), datasetConfig }, heard);
  const shapes = Object.fromEntries([...readNpz(file("0.npz"), ALL, 1e6)].map(([k, v]) => [k, v.shape]));
  deepStrictEqual([shapes.latents, shapes.latents_flipped], [[4, 8, 8], [4, 8, 8]]);
  const lines = heard.lines.join("\n");
  match(
    lines,
    /holds latents for an earlier dataset; those of 2 pictures for this one are left to the training/,
  );
  match(lines, /latents made: 2$/m);
});

Deno.test("captions of a model with one text encoder are not cached", async () => {
  const { values } = given();
  const text = withDefaults(cacheTextGroups, values);
  await rejects(
    cacheText(text, quietContext()),
    /model\.safetensors: is .*; only SDXL's captions are cached/,
  );
});

Deno.test("caches take the pictures of a ControlNet's training, from flags and from a dataset file", async () => {
  const { dir } = tinyRun(2), folder = join(dir, "data/1_thing"), datasetConfig = join(dir, "control.toml");
  const conditioningDataDir = join(dir, "edges");
  Deno.mkdirSync(conditioningDataDir);
  for (const name of ["0.png", "1.png"]) {
    Deno.copyFileSync(join(folder, name), join(conditioningDataDir, name));
  }
  Deno.writeTextFileSync(
    datasetConfig,
    `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = "${folder}"\nconditioning_data_dir = "${conditioningDataDir}"\n`,
  );
  const place = { device: "cpu", threads: 1, seed: 1 } as const;
  const model = { ...place, pretrainedModelNameOrPath: join(dir, "model.safetensors") };
  for (const data of [{ trainDataDir: folder, conditioningDataDir, resolution: "64" }, { datasetConfig }]) {
    const heard = listening();
    await cacheLatents(withDefaults(cacheLatentsGroups, { ...model, ...data }), heard);
    match(heard.lines.join("\n"), /latents made: 2$/m);
  }
});

Deno.test("cacheText() keeps the first dataset's caption of shared pictures and tells of the others", async () => {
  const { dir } = tinyRun(2), folder = join(dir, "data/1_thing"), model = join(dir, "sdxl.safetensors");
  const file = join(folder, "0_te_outputs.npz"), heard = listening();
  writeSynthModel(model, "sdxl-tiny");
  Deno.writeTextFileSync(join(folder, "0.long"), "another text");
  Deno.writeTextFileSync(join(folder, "1.long"), "thing, number 1, seen");
  const datasetConfig = join(dir, "sets.toml");
  const dataset = (ending: string) =>
    `[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = "${folder}"\ncaption_extension = "${ending}"\n`;
  const place = { device: "cpu", threads: 1, pretrainedModelNameOrPath: model } as const;
  const config = withDefaults(cacheTextGroups, { ...place, datasetConfig });
  const made = async (...endings: string[]) => {
    Deno.writeTextFileSync(datasetConfig, endings.map(dataset).join(""));
    await cacheText(config, heard);
    return Deno.readFileSync(file);
  };
  const long = await made(".long"), first = await made(".txt");
  notDeepStrictEqual(long, first);
  strictEqual(heard.lines.join("\n").includes("earlier dataset"), false);
  deepStrictEqual(await made(".txt", ".long"), first);
  match(
    heard.lines.join("\n"),
    /0_te_outputs\.npz: holds the caption of an earlier dataset; those of 1 picture for later ones are left to the/,
  );
});
