/** Diffusers folders: unet, vae and text encoders, each with its own files, as one checkpoint with original keys. */

import { join } from "node:path";
import { UserError } from "../../base/errors.ts";
import { listed } from "../../base/phrases.ts";
import { exists } from "../../base/files/exists.ts";
import { readJson } from "../../formats/json.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { FAMILIES, type Family, LABELS, type TextEncoderPart } from "../families/mod.ts";
import { openPart } from "./folder_files.ts";
import { type Sources, TensorView } from "./tensor_view.ts";
import { textEncoderSources } from "./text_encoder.ts";
import { unetFromDiffusers } from "./unet.ts";
import { vaeSources } from "./vae.ts";

/** The folders of the text encoders, in a family's order. */
export const TEXT_FOLDERS = ["text_encoder", "text_encoder_2"] as const;

/** Opens a whole model. Throws UserError for what is none, and for other pipelines by name. */
export function openDiffusersFolder(path: string, variant: string | null = null): TensorFile {
  const family = folderFamily(path);
  const sources: Sources = new Map(), files: TensorFile[] = [];
  const take = (folder: string, find: (file: TensorFile) => Sources) => {
    const file = openPart(join(path, folder), variant);
    files.push(file);
    for (const [key, source] of find(file)) sources.set(key, source);
  };
  try {
    family.textEncoders.forEach((place, i) =>
      take(TEXT_FOLDERS[i], (file) => withUnusedLayer(textEncoderSources(file, place), place))
    );
    take("unet", unetFromDiffusers);
    if (exists(join(path, "vae"))) take("vae", vaeSources);
    return new TensorView(path, sources, files);
  } catch (error) {
    files.forEach((file) => file.close());
    throw error;
  }
}

/** Told by the folders and, where two families have the same, by what the text encoder computes with. */
function folderFamily(path: string): Family {
  const first = exists(join(path, TEXT_FOLDERS[0])), second = exists(join(path, TEXT_FOLDERS[1]));
  if (exists(join(path, "transformer"))) {
    throw notOurs(path, "a transformer in place of a U-Net (SD3, FLUX or alike)");
  }
  if (second && !first) throw notOurs(path, "an SDXL refiner");
  if (!first) throw notOurs(path, "a folder without text_encoder");
  const config = join(path, TEXT_FOLDERS[0], "config.json");
  const facts = (exists(config) ? readJson(config, "get the model again") : {}) as Record<string, unknown>;
  return FAMILIES.find((family) => family.holdsFolder(second ? 2 : 1, facts))!;
}

function notOurs(path: string, what: string): UserError {
  return new UserError(
    `${path}: is ${what}; give a whole ${listed(LABELS, "or")} model (U-Net, text encoder, VAE)`,
  );
}

/** Folders leave the layer away that SD2 never used; original checkpoints have one there, a copy does. */
function withUnusedLayer(sources: Sources, { usedLayers }: TextEncoderPart): Sources {
  const layer = /^(.*\.resblocks\.)(\d+)(\..*)$/;
  const last = Math.max(...[...sources.keys()].map((key) => Number(layer.exec(key)?.[2] ?? -1)));
  const found = last + 1;
  if (found === 0 || usedLayers(found + 1) !== found) return sources;
  const all = new Map(sources);
  for (const [key, source] of sources) {
    const [, before, number, after] = layer.exec(key) ?? [];
    if (Number(number) === last) all.set(`${before}${last + 1}${after}`, source);
  }
  return all;
}
