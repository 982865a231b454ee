/** The modules of a LoRA file as it holds them, without a model to fit them to. */

import { UserError } from "../base/errors.ts";
import type { TensorFile } from "../formats/tensor_file.ts";
import { otherNetwork, parseFileKey, type Role } from "./file_keys.ts";

/** Where one module's tensors lie in the file. */
export type Entry = { [role in Role]?: string };

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

/** By module name, in the file's order. Throws UserError for a key that is none of a LoRA. */
export function readEntries(file: TensorFile, sdxl: boolean): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const key of file.keys()) {
    const found = parseFileKey(key, sdxl);
    if (!found) {
      const other = otherNetwork(key);
      if (other) {
        throw new UserError(`${file.path}: ${key} belongs to a ${other} network, which is not supported yet`);
      }
      throw new UserError(`${file.path}: ${key} is no key of a LoRA; give a LoRA file`);
    }
    const entry = entries.get(found.name) ?? {};
    entry[found.role] = key;
    entries.set(found.name, entry);
  }
  return entries;
}

/** Both factors' keys. Throws UserError when one is missing. */
export function factorsOf(file: TensorFile, name: string, entry: Entry): { down: string; up: string } {
  const { down, up } = entry;
  if (down && up) return { down, up };
  throw new UserError(
    `${file.path}: ${name} has no ${
      down ? "lora_up" : "lora_down"
    }.weight; the file is incomplete, save or copy it again`,
  );
}

/** A module's alpha, null where the file has none. Throws UserError when it is no finite number. */
export function alphaOf(file: TensorFile, { alpha }: Entry): number | null {
  if (!alpha) return null;
  const [value] = file.f32(alpha);
  if (value !== undefined && Number.isFinite(value)) return value;
  throw new UserError(`${file.path}: ${alpha} is ${value}, a finite number is wanted; the file is damaged`);
}

/** Every module of a file. A missing alpha, or 0, is the rank. Throws UserError for what is no whole LoRA. */
export function fileModules(file: TensorFile, sdxl: boolean): FileModule[] {
  const modules = [...readEntries(file, sdxl)].map(([name, entry]) => {
    const { down, up } = factorsOf(file, name, entry);
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
  if (modules.length > 0) return modules;
  throw new UserError(`${file.path}: holds no LoRA (no key ends in lora_down.weight); give a LoRA file`);
}
