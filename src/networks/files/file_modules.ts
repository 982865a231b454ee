/** The modules of a LoRA file as it holds them, without a model to fit them to. */

import { UserError } from "../../base/errors.ts";
import type { TensorFile } from "../../formats/tensor_file.ts";
import { describe, type Family, identify, NOTHING_KNOWN } from "../../models/mod.ts";
import { DOWN, lora, UP } from "../kinds/lora.ts";
import { kindOf } from "../kinds/mod.ts";
import { bundledEmbedding, otherNetwork, parseFileKey } from "./file_keys.ts";

/** Where one module's tensors lie in the file: suffix -> the file's own key. */
export type Entry = Readonly<Record<string, string>>;

export interface FileModule {
  /** sd-scripts' name: lora_unet_down_blocks_0_... */
  readonly name: string;
  /** The file's own keys. */
  readonly keys: { readonly down: string; readonly up: string; readonly alpha?: string };
  readonly rank: number;
  readonly alpha: number;
  /** [rank, in] or [rank, in, kernel, kernel]. */
  readonly downShape: readonly number[];
  /** [out, rank] or [out, rank, 1, 1]. */
  readonly upShape: readonly number[];
  down(): Float32Array;
  up(): Float32Array;
}

/** A line about what a file holds and is not used. */
export type Note = (line: string) => void;

/**
 * By module name, in the file's order; `family` is whose the file is, null where that is not known. Keys that are none of
 * a LoRA are noted and left out. Throws UserError for other kinds of networks and for files without a LoRA.
 */
export function readEntries(
  file: TensorFile,
  family: Family | null,
  note: Note = () => {},
): Map<string, Entry> {
  const numbered = family !== null && family.textEncoders.length > 1;
  const entries = new Map<string, Entry>(), embeddings = new Set<string>(), strange: string[] = [];
  for (const key of file.keys()) {
    const found = parseFileKey(key, numbered), embedding = bundledEmbedding(key), other = otherNetwork(key);
    if (embedding !== null) embeddings.add(embedding);
    else if (found) {
      entries.set(found.name, { ...entries.get(found.name), [found.suffix]: key });
    } else if (other) {
      throw new UserError(`${file.path}: ${key} is of the kind ${other}, which is not supported yet`);
    } else strange.push(key);
  }
  if (entries.size === 0) throw new UserError(`${file.path}: ${whatInstead(file)}; give a LoRA file`);
  if (embeddings.size > 0) {
    note(
      `${file.path}: its LoRA is used, its embeddings are left out: ${some([...embeddings])} (bundle_emb)`,
    );
  }
  if (strange.length > 0) note(`${file.path}: left out, being no keys of a LoRA: ${some(strange)}`);
  return entries;
}

/** What a file without a LoRA is. */
function whatInstead(file: TensorFile): string {
  const keys = file.keys(), shapes = new Map(keys.map((key) => [key, file.info(key).shape]));
  const what = describe(identify(shapes));
  if (what !== NOTHING_KNOWN) return `is ${what}`;
  return `holds no LoRA (no key ends in lora_down.weight; it has ${
    keys.length ? some(keys, 1) : "no tensor"
  })`;
}

/** The first few of many, and how many more there are. */
export function some(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return names.slice(0, most).map((name) => name.slice(0, 120)).join(", ") +
    (more > 0 ? ` and ${more} more` : "");
}

/** What kinds of modules there are among a file's tensors: "LoRA", "LoHa" ... */
export function kindNames(
  tensors: readonly { readonly key: string; readonly shape: readonly number[] }[],
): string[] {
  const modules = new Map<string, Record<string, readonly number[]>>();
  for (const { key, shape } of tensors) {
    const found = parseFileKey(key, false);
    if (found) modules.set(found.name, { ...modules.get(found.name), [found.suffix]: shape });
  }
  const kinds = [...modules.values()].map((found) => kindOf(found)?.name);
  return [...new Set(kinds.filter((name) => name !== undefined))];
}

/** Suffix -> shape of a module's tensors but alpha. */
export function shapesOf(file: TensorFile, { alpha: _, ...keys }: Entry): Record<string, readonly number[]> {
  return Object.fromEntries(Object.entries(keys).map(([suffix, key]) => [suffix, file.info(key).shape]));
}

/** Throws UserError for a module of rank 0, or another with a tensor of nothing. */
export function refuseEmpty(file: TensorFile, entry: Entry): void {
  const key = Object.values(entry).find((key) => file.info(key).shape.includes(0));
  if (key === undefined) return;
  throw new UserError(
    `${file.path}: ${key} is [${
      file.info(key).shape.join(", ")
    }] and holds nothing; the file is damaged, get it again`,
  );
}

/** Of a module that lacks a tensor. */
export function incomplete(file: TensorFile, name: string, suffix: string): UserError {
  return new UserError(
    `${file.path}: ${name} has no ${suffix}; the file is incomplete, save or copy it again`,
  );
}

/** A module's alpha, null where the file has none. Throws UserError when it is no finite number. */
export function alphaOf(file: TensorFile, { alpha }: Entry): number | null {
  if (!alpha) return null;
  const values = file.f32(alpha), [value] = values;
  if (values.length === 1 && Number.isFinite(value)) return value;
  const found = values.length === 1 ? String(value) : `a list of ${values.length}`;
  throw new UserError(`${file.path}: ${alpha} is ${found}, a finite number is wanted; the file is damaged`);
}

/** Every module of a file. A missing alpha, or 0, is the rank. Throws UserError for what is no whole LoRA. */
export function fileModules(file: TensorFile, family: Family | null, note?: Note): FileModule[] {
  return [...readEntries(file, family, note)].map(([name, entry]) => {
    const kind = kindOf(shapesOf(file, entry));
    if (kind && kind !== lora) {
      throw new UserError(
        `${file.path}: ${name} is of kind ${kind.name}, this is for plain LoRAs only; make one of it with easel convert_lora --to lora`,
      );
    }
    const { [DOWN]: down, [UP]: up } = entry;
    refuseEmpty(file, entry);
    if (!down) throw incomplete(file, name, DOWN);
    if (!up) throw incomplete(file, name, UP);
    const downShape = file.info(down).shape, upShape = file.info(up).shape;
    const rank = downShape[0] ?? 0, flat = upShape.slice(2).every((side) => side === 1);
    if (
      rank < 1 || upShape[1] !== rank || !flat || ![2, 4].includes(downShape.length) ||
      upShape.length !== downShape.length || [...downShape, ...upShape].includes(0)
    ) {
      throw new UserError(
        `${file.path}: ${name} has factors [${downShape.join(", ")}] and [${
          upShape.join(", ")
        }], which do not multiply; it is damaged or no plain LoRA`,
      );
    }
    const keys = { down, up, alpha: entry.alpha };
    const alpha = alphaOf(file, entry) || rank;
    if (alpha < 0) throw new UserError(`${file.path}: ${keys.alpha} is ${alpha}; the file is damaged`);
    return {
      name,
      keys,
      rank,
      alpha,
      downShape,
      upShape,
      down: () => file.f32(down),
      up: () => file.f32(up),
    };
  });
}
