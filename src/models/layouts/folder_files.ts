/** Which files of a Diffusers folder hold a part's tensors: one or several, safetensors or pickles, plain or a variant. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { nameProblem } from "../../base/files/inside_name.ts";
import { openCheckpoint } from "../../formats/checkpoint.ts";
import { readJson } from "../../formats/json.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { asItIs, type Sources, TensorView } from "./tensor_view.ts";

/** Names without ending, safetensors' and pickles': diffusers' models and transformers'. */
const BASES: readonly (readonly [safetensors: string, pickle: string])[] = [
  ["diffusion_pytorch_model", "diffusion_pytorch_model"],
  ["model", "pytorch_model"],
];

/** Variants that are taken where a folder has nothing else. */
const USUAL = ["fp16", "bf16"];

/**
 * Opens the tensors of one folder (unet, vae, text_encoder): of the wanted variant, else plain ones, else a usual
 * variant; safetensors before pickles. Throws UserError naming the folder when there are none.
 */
export function openPart(folder: string, variant: string | null): TensorFile {
  const names = namesIn(folder);
  for (const wanted of new Set([variant, null, ...USUAL])) {
    for (const name of candidates(wanted)) {
      if (names.has(name)) {
        return name.includes(".index.") ? openShards(folder, name) : openCheckpoint(join(folder, name));
      }
    }
  }
  throw new UserError(
    `${folder}: holds no ${BASES[0][0]}.safetensors, ${
      BASES[1][0]
    }.safetensors or .bin of them; the model is incomplete, get it again`,
  );
}

/** Whether a folder has such files at all. */
export function isPart(folder: string): boolean {
  const names = namesIn(folder);
  return [null, ...USUAL].some((variant) => candidates(variant).some((name) => names.has(name)));
}

/** The tensors' variants of a folder, "" for plain. */
function candidates(variant: string | null): string[] {
  const mark = variant === null ? "" : `.${variant}`;
  return ["safetensors", "bin"].flatMap((end) =>
    BASES.flatMap(([safetensors, pickle]) => {
      const base = end === "bin" ? pickle : safetensors;
      // transformers and diffusers have put the variant in either place of an index's name
      return [
        `${base}${mark}.${end}`,
        `${base}.${end}.index${mark}.json`,
        `${base}${mark}.${end}.index.json`,
      ];
    })
  );
}

/** All tensors of the files that an index names, as one. The names come from outside and stay inside the folder. */
function openShards(folder: string, index: string): TensorFile {
  const path = join(folder, index), map = weightMap(path);
  const sources: Sources = new Map(), files: TensorFile[] = [];
  try {
    for (const name of new Set(Object.values(map))) {
      const problem = typeof name === "string" ? nameProblem(name, { folders: false }) : "is no name";
      if (problem) {
        throw new UserError(
          `${path}: names the file ${JSON.stringify(name)}, which ${problem}; get it again`,
        );
      }
      const file = openCheckpoint(join(folder, name));
      files.push(file);
      for (const key of file.keys()) if (map[key] === name) sources.set(key, asItIs(file, key));
    }
    const missing = Object.keys(map).find((key) => !sources.has(key));
    if (missing !== undefined) {
      throw new UserError(
        `${path}: ${missing} is not in ${map[missing]}; the model is incomplete, get it again`,
      );
    }
    return new TensorView(path, sources, files);
  } catch (error) {
    files.forEach((file) => file.close());
    throw error;
  }
}

function weightMap(path: string): Record<string, string> {
  const map = (readJson(path, "get the model again") as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map === "object" && map !== null && !Array.isArray(map)) return map as Record<string, string>;
  throw new UserError(`${path}: has no weight_map, which tells the files of a model; get it again`);
}

function namesIn(folder: string): Set<string> {
  try {
    return new Set([...Deno.readDirSync(folder)].map(({ name }) => name));
  } catch {
    return new Set();
  }
}
