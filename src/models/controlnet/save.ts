/** Writing ControlNet files. */

import { extname } from "node:path";
import { writeTorch } from "../../formats/pickle/torch_writer.ts";
import { type TensorToWrite, writeSafetensors } from "../../formats/mod.ts";
import { saveDtypeOf, type SavePrecision, toDtype } from "../saving/save_dtype.ts";
import { rename } from "../keys/table.ts";
import { type ControlLevels, controlPlaces } from "./keys.ts";

export interface SavedControl {
  /** Diffusers' names, else original ones without prefix, as sd-scripts 0.9.1 writes them. */
  readonly diffusersNames: boolean;
  /** null keeps float32. */
  readonly precision: SavePrecision | null;
  /** Only .safetensors takes any. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Writes tensors that are called by original names, as the path's ending says. Atomic. */
export function saveControlNet(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  values: (name: string) => Float32Array,
  { diffusersNames, precision, metadata }: SavedControl,
): void {
  const places = diffusersNames ? new Map(controlPlaces(levelsOf([...shapes.keys()]))) : null;
  const dtype = precision === null ? "F32" : saveDtypeOf(precision);
  const tensors = [...shapes].map(([name, shape]): TensorToWrite => ({
    name: places ? rename(name, places) : name,
    dtype,
    shape: [...shape],
    data: () => toDtype(values(name), dtype),
  }));
  if (extname(path) !== ".safetensors") writeTorch(path, tensors, null);
  else writeSafetensors(path, tensors, { ...metadata });
}

/** Levels end in a downsampling, but for the last. */
function levelsOf(names: readonly string[]): ControlLevels {
  const blocks = new Set(names.map((name) => /^zero_convs\.(\d+)\./.exec(name)?.[1]).filter(Boolean)).size;
  const levels = names.filter((name) => /^input_blocks\.\d+\.0\.op\.weight$/.test(name)).length + 1;
  return { levels, resBlocks: blocks / levels - 1 };
}
