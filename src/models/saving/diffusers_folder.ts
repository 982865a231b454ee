/** Writing a model as a Diffusers folder: what diffusers' own from_pretrained() takes. */

import { join } from "node:path";
import { exchange } from "../../../ffi/exchange.ts";
import { atomicWriteFile } from "../../base/files/atomic.ts";
import type { FolderKind } from "../../base/files/whole_folder.ts";
import { writeTorch, writeTorchSlowly } from "../../formats/pickle/torch_writer.ts";
import { type TensorToWrite, writeSafetensors, writeSafetensorsSlowly } from "../../formats/mod.ts";
import { configText } from "../../text/config_json.ts";
import { tokenizerFiles } from "../../text/tokenizer_files.ts";
import type { Family } from "../families/family.ts";
import { readFolderTokenizer } from "../layouts/scheduler.ts";
import { partRows } from "../layouts/mod.ts";
import { type ChangedTensors, type SavedModel, savedTensor } from "./checkpoint_tensors.ts";
import type { SavePrecision } from "./save_dtype.ts";
import {
  type Described,
  indexJson,
  schedulerJson,
  textEncoderJson,
  tokenizerFolder,
  unetJson,
  vaeJson,
} from "./diffusers_configs.ts";

/** A file of the folder: its path inside, and text or tensors. */
export type FolderFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly tensors: readonly TensorToWrite[] };

export interface FolderOptions extends Omit<Described, "family" | "shapes"> {
  readonly changed: ChangedTensors;
  /** Tensors in safetensors files or in those of torch.save(). */
  readonly safetensors: boolean;
  /** Puts it before the ending of the tensors' names: "fp16". */
  readonly variant: string | null;
}

/** The tokenizers' files, which every save of a run has alike: those of a reference, where it has them. */
export async function tokenizerTexts(family: Family, reference: string | null): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  for (const [i, { tokenizer }] of family.textEncoders.entries()) {
    const folder = tokenizerFolder(i);
    const own = reference === null ? null : readFolderTokenizer(reference, folder);
    for (const [name, text] of Object.entries(own ?? await tokenizerFiles(tokenizer))) {
      files.push({ path: `${folder}/${name}`, text });
    }
  }
  return files;
}

/** The other files of the folder, texts first. */
export function folderFiles(model: SavedModel, options: FolderOptions): FolderFile[] {
  const { family, shapes } = model;
  const described = { ...options, family, shapes, precision: options.precision ?? storedPrecision(model) };
  const files: FolderFile[] = [
    { path: "model_index.json", text: configText(indexJson(described)) },
    { path: "scheduler/scheduler_config.json", text: configText(schedulerJson(described)) },
  ];
  let encoder = 0;
  for (const { folder, rows } of partRows(family, shapes)) {
    const isText = folder.startsWith("text_encoder");
    const config = isText
      ? textEncoderJson(described, encoder++)
      : folder === "unet"
      ? unetJson(described)
      : vaeJson(described);
    const tensors = rows.map((row): TensorToWrite => {
      const whole = savedTensor(
        row.original,
        model.places.get(row.original)!,
        options.changed,
        options.precision,
      );
      const { third } = row;
      const data = third === undefined ? whole.data : () => thirdOf(bytesOf(whole), third);
      return { ...whole, name: row.other, shape: row.otherShape, data };
    });
    files.push({ path: `${folder}/config.json`, text: configText(config) });
    files.push({ path: `${folder}/${tensorName(isText, options)}`, tensors });
  }
  return [...files.filter((file) => "text" in file), ...files.filter((file) => "tensors" in file)];
}

/** The format that most of a model's file has, for configurations that name one. */
function storedPrecision({ places }: SavedModel): SavePrecision {
  const [{ file, key }] = places.values(), { dtype } = file.info(key);
  return dtype === "F16" ? "fp16" : dtype === "BF16" || dtype.startsWith("F8_") ? "bf16" : "float";
}

/** Writes one of them below a folder that is not yet in its place. */
export function writeFolderFile(folder: string, file: FolderFile): void {
  const path = placeFor(folder, file);
  if ("text" in file) atomicWriteFile(path, file.text);
  else if (path.endsWith(".bin")) writeTorch(path, file.tensors, null);
  else writeSafetensors(path, file.tensors, { format: "pt" });
}

/** The same, with `pause` before each tensor. */
export async function writeFolderFileSlowly(
  folder: string,
  file: FolderFile,
  pause: (next: TensorToWrite) => Promise<void>,
): Promise<void> {
  const path = placeFor(folder, file);
  if ("text" in file) atomicWriteFile(path, file.text);
  else if (path.endsWith(".bin")) await writeTorchSlowly(path, file.tensors, null, pause);
  else await writeSafetensorsSlowly(path, file.tensors, { format: "pt" }, pause);
}

function placeFor(folder: string, { path }: FolderFile): string {
  const inner = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
  Deno.mkdirSync(join(folder, inner), { recursive: true });
  return join(folder, path);
}

/** "model.fp16.safetensors": transformers and diffusers have names of their own. */
function tensorName(isText: boolean, { safetensors, variant }: FolderOptions): string {
  const base = !isText ? "diffusion_pytorch_model" : safetensors ? "model" : "pytorch_model";
  return `${base}${variant === null ? "" : `.${variant}`}.${safetensors ? "safetensors" : "bin"}`;
}

function bytesOf({ data }: TensorToWrite): Uint8Array {
  return typeof data === "function" ? data() : data;
}

function thirdOf(bytes: Uint8Array, third: number): Uint8Array {
  const length = bytes.length / 3;
  return bytes.slice(third * length, (third + 1) * length);
}

/** Everything that folderFiles() may name: what a folder may hold that is replaced or removed. */
const KNOWN =
  /^(model_index\.json|(scheduler|tokenizer(_2)?)\/[\w.]+\.(json|txt)|(unet|vae|text_encoder(_2)?)\/(config\.json|(diffusion_pytorch_)?(pytorch_)?model[\w.-]*\.(safetensors|bin)))$/;

/** Folders with such a model. */
export const MODEL_FOLDERS: FolderKind = {
  what: "a Diffusers model",
  holdsOnly: holdsOnlyModel,
  mark: "model_index.json",
  exchange,
};

/** Whether a folder holds nothing but files of such a model, whole or not. */
function holdsOnlyModel(folder: string): boolean {
  if (!Deno.lstatSync(folder).isDirectory) return false;
  return [...Deno.readDirSync(folder)].every(({ name, isDirectory, isFile }) =>
    isFile
      ? KNOWN.test(name)
      : isDirectory && [...Deno.readDirSync(join(folder, name))].every((inner) =>
        inner.isFile && KNOWN.test(`${name}/${inner.name.replace(/\.easel-[0-9a-f]{16}\.tmp$/, "")}`)
      )
  );
}
