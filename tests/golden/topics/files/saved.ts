/** What is saved: every key of a checkpoint in each form and precision, and whole Diffusers folders. */

import { join } from "node:path";
import { openCheckpoint } from "../../../../src/formats/checkpoint.ts";
import type { TensorFile } from "../../../../src/formats/tensor_file.ts";
import {
  checkpointTensors,
  type ModelForm,
  modelSaver,
  NOTHING_CHANGED,
  openModel,
  placeholders,
  type SavePrecision,
} from "../../../../src/models/mod.ts";
import { modelSpec } from "../../../../src/networks/mod.ts";
import type { Check, GoldenCase } from "../../case.ts";
import { exact } from "../../compare.ts";
import { caseModel } from "../../synth_models.ts";
import { checksum, digests, shortDtype } from "./digest.ts";
import { outcome } from "./loaded.ts";
import {
  extraKeys,
  fromShapes,
  inFolder,
  ones,
  positions,
  renamed,
  synthetic,
  type Tensors,
  writePickled,
  writeTensors,
} from "./variants.ts";

type Row = [key: string, shape: number[], ...cells: string[]];

const NOTES = { metadata: null, epoch: 0, globalStep: 0 };
const IDS = "text_model.embeddings.position_ids";

/** The whole checkpoint of a case, with what lies beside the model. */
function source(json: GoldenCase["json"], beside: boolean): Tensors {
  const { family, shapes } = caseModel(json);
  const whole = fromShapes(shapes);
  const encoder = {
    sd1: "cond_stage_model.transformer.",
    sd2: "cond_stage_model.model.",
    sdxl: "conditioner.embedders.1.model.",
  }[family.name as "sd1"];
  if (family.name !== "sd1") whole.set(`${encoder}logit_scale`, synthetic([], `${encoder}logit_scale`));
  if (family.name === "sd2") {
    whole.set(`${encoder}text_projection`, synthetic([64, 64], `${encoder}text_projection`));
  }
  if (!beside) return whole;
  if (family.name === "sdxl") {
    whole.set(`conditioner.embedders.0.transformer.${IDS}`, positions("I64"));
    whole.set("extra.key", ones(3));
  } else for (const [key, tensor] of extraKeys()) whole.set(key, tensor);
  if (family.name === "sd1") whole.set(encoder + IDS, positions("I64"));
  return whole;
}

/** sd1_save, sd2_save, sdxl_save. */
export function saved({ json }: GoldenCase): Promise<Check[]> {
  return inFolder(async (folder) => {
    const path = writeTensors(join(folder, "source.safetensors"), source(json, true));
    const checks: Check[] = [];
    const { columns, rows } = json.table as { columns: string[]; rows: Row[] };
    for (const [i, column] of columns.entries()) {
      if (i < 2) continue;
      const wanted = rows.map(([key, shape, ...cells]) => [key, shape, cells[i - 2]] as const)
        .filter(([, , cell]) => cell !== "-").map(([key, shape, cell]) =>
          `${key} ${cell.includes("[") ? cell : `${cell} [${shape.join(", ")}]`}`
        );
      checks.push(exact(column, (await savedLines(path, column, folder)).toSorted(), wanted.toSorted()));
    }
    checks.push(...await counters(json, folder));
    if (json.loading) checks.push(...loadedAgain(json, folder));
    checks.push(exact("metadata", metadata(json), withoutDate(json.results.safetensors.metadata)));
    return checks;
  });
}

/** "KEY dtype:crc [shape]" of what a save in a column's form holds. */
async function savedLines(path: string, column: string, folder: string): Promise<string[]> {
  const [, container, half] = /^(safetensors|ckpt|no_source)(?:_(fp16|bf16))?$/.exec(column)!;
  const precision = half as SavePrecision ?? null;
  const model = openModel(path);
  try {
    if (container === "no_source") {
      // nothing beside the model; the reference makes SD2's unused parts for the real model's numbers alone
      const bare = {
        ...model,
        rest: new Map(),
        places: new Map(
          [...model.places].filter(([key]) => !/resblocks\.3\.|model\.text_projection$/.test(key)),
        ),
      };
      const tensors = [
        ...checkpointTensors(bare, NOTHING_CHANGED, precision),
        ...placeholders(bare, precision, { width: 1024 }),
      ];
      return tensors.map(({ name, dtype, shape, data }) =>
        line(name, dtype, shape, typeof data === "function" ? data() : data)
      );
    }
    const form = container as ModelForm, out = join(folder, `out.${form}`);
    const saver = await modelSaver(model, { form, precision, vPrediction: false, compat: true }, () => {});
    saver.save(out, NOTHING_CHANGED, NOTES);
    return linesOf(out);
  } finally {
    model.close();
  }
}

function linesOf(path: string): string[] {
  using file = openCheckpoint(path);
  return tensorLines(file);
}

function tensorLines(file: TensorFile): string[] {
  return file.keys().map((key) => line(key, file.info(key).dtype, file.info(key).shape, file.bytes(key)));
}

function line(key: string, dtype: string, shape: readonly number[], bytes: Uint8Array): string {
  return `${key} ${shortDtype(dtype)}:${checksum(bytes)} [${shape.join(", ")}]`;
}

/** sdxl_save's variants of a checkpoint, and what comes out of each. */
function loadedAgain(json: GoldenCase["json"], folder: string): Check[] {
  const whole = source(json, true),
    without = (pattern: RegExp) => renamed(whole, (key) => pattern.test(key) ? null : key);
  const file = (tensors: Tensors) => writeTensors(join(folder, "variant.safetensors"), tensors);
  const pickled = (below?: string) =>
    writePickled(join(folder, "variant.ckpt"), whole, { form: "zip", below });
  const variants: Record<string, () => string> = {
    "ckpt with state_dict, epoch 3, global_step 1000": () => pickled("state_dict"),
    "flat ckpt": () => pickled(),
    "without logit_scale": () => file(without(/logit_scale/)),
    "without vae": () => file(without(/^first_stage_model\./)),
    "one unet key missing": () => file(without(/diffusion_model\.out\.2\.bias$/)),
    "text encoder 2 without text_projection": () => file(without(/text_projection$/)),
    safetensors: () => file(whole),
  };
  return Object.entries(json.loading).map(([title, recorded]) => {
    const wanted = (recorded as { digest?: unknown }).digest ?? "refused";
    return exact(
      `loading ${title}`,
      title in variants ? outcome(variants[title]()) : "a variant that is not known",
      wanted,
    );
  });
}

/** What a .ckpt says beside its tensors, from a file without such numbers and from one with. */
async function counters(json: GoldenCase["json"], folder: string): Promise<Check[]> {
  const path = writePickled(join(folder, "source.ckpt"), source(json, true), {
    form: "zip",
    below: "state_dict",
  });
  const added = json["source_is_ckpt (saved as ckpt)"]?.["all keys, epoch 3, global_step 1000"];
  const wanted = json.results.ckpt.top_level, checks: Check[] = [];
  for (
    const [what, from, top] of [
      ["counters", join(folder, "source.safetensors"), wanted],
      ["counters added", path, added?.top_level],
    ]
  ) {
    if (!top) continue;
    const model = openModel(from);
    // the cases' file says 1000 steps, the writer of the tests' 840000
    const own = model.counters && { ...model.counters, globalStep: 1000 };
    const saver = await modelSaver({ ...model, counters: own }, {
      ...{ form: "ckpt", precision: null, vPrediction: false, compat: true },
    }, () => {});
    const out = join(folder, "counted.ckpt");
    saver.save(out, NOTHING_CHANGED, {
      metadata: null,
      epoch: json.save.epoch,
      globalStep: json.save.global_step,
    });
    model.close();
    using file = openCheckpoint(out);
    checks.push(exact(what, file.counters, { epoch: top.epoch, globalStep: top.global_step }));
  }
  return checks;
}

function metadata(json: GoldenCase["json"]): Record<string, string> {
  const { family } = caseModel(json), v2 = family.name === "sd2";
  const side = family.name === "sdxl" ? 1024 : v2 ? 768 : 512;
  const none = {
    description: null,
    license: null,
    tags: null,
    minTimestep: null,
    maxTimestep: null,
    clipSkip: null,
  };
  return withoutDate(modelSpec({
    ...none,
    ...{ family, vParameterization: v2, title: "T", author: "me", checkpoint: true, version: "1.0.0" },
    resolution: [side, side],
  }, 0));
}

function withoutDate(metadata: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "modelspec.date"));
}

/** Configuration entries that tell where the reference ran. */
const LOCAL = ["_name_or_path"];

/** diffusers_sd1, diffusers_sd2_v, diffusers_sdxl: every file of the folders, and what they are when they are read again. */
export function folders({ json }: GoldenCase): Promise<Check[]> {
  return inFolder(async (folder) => {
    const model = openModel(writeTensors(join(folder, "source.safetensors"), source(json, false)));
    const checks: Check[] = [];
    try {
      for (const [name, files] of Object.entries(json.folders)) {
        const [, form, half] = /^(diffusers(?:_safetensors)?)(?:_(fp16))?$/.exec(name)!;
        const options = { form: form as ModelForm, precision: half as SavePrecision ?? null, compat: true };
        const saver = await modelSaver(
          model,
          { ...options, vPrediction: json.config.prediction === "v" },
          () => {},
        );
        const out = join(folder, name);
        saver.save(out, NOTHING_CHANGED, NOTES);
        checks.push(...compared(out, files as Record<string, unknown>, name));
        if (name !== "diffusers_safetensors") continue;
        for (
          const [inner, { rows }] of Object.entries(json.tensors_by_file as Record<string, { rows: Row[] }>)
        ) {
          const wanted = rows.map(([key, shape, cell]) => `${key} ${cell} [${shape.join(", ")}]`);
          checks.push(exact(`tensors of ${inner}`, linesOf(join(out, inner)).toSorted(), wanted.toSorted()));
        }
        const again = openModel(out);
        checks.push(
          exact(
            "loaded again",
            digests(again, { layers: json.config.clip?.layers_used }),
            json.load_back.digest,
          ),
        );
        again.close();
      }
    } finally {
      model.close();
    }
    return checks;
  });
}

/** The files of a folder against the recorded ones: JSON by value, tensors by number, metadata and types. */
function compared(out: string, files: Record<string, unknown>, name: string): Check[] {
  const found = [...Deno.readDirSync(out)].flatMap(({ name, isDirectory }) =>
    isDirectory ? [...Deno.readDirSync(join(out, name))].map((inner) => `${name}/${inner.name}`) : [name]
  );
  const checks = [exact(`${name}: names`, found.toSorted(), Object.keys(files).toSorted())];
  for (const [path, wanted] of Object.entries(files)) {
    if (typeof wanted === "string") continue; // the tokenizer's own files
    if (path.endsWith(".json")) {
      const plain = Object.fromEntries(
        Object.entries(wanted as object).filter(([key]) => !LOCAL.includes(key)),
      );
      checks.push(exact(`${name}: ${path}`, JSON.parse(Deno.readTextFileSync(join(out, path))), plain));
      continue;
    }
    using file = openCheckpoint(join(out, path));
    const dtypes = [...new Set(file.keys().map((key) => shortDtype(file.info(key).dtype)))];
    const metadata = path.endsWith(".bin") ? null : file.metadata;
    checks.push(exact(`${name}: ${path}`, { tensors: file.keys().length, metadata, dtypes }, wanted));
  }
  return checks;
}
