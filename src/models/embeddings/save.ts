/** Writing files of textual inversion. */

import { extname } from "node:path";
import { writeTorch } from "../../formats/pickle/torch_writer.ts";
import { type TensorToWrite, writeSafetensors } from "../../formats/mod.ts";
import { saveDtypeOf, type SavePrecision, toDtype } from "../saving/save_dtype.ts";

/** A tensor of such a file. */
export interface NamedVectors {
  readonly name: string;
  readonly count: number;
  readonly width: number;
  /** (count, width) */
  readonly values: Float32Array;
}

/**
 * Writes the vectors as the name says: .safetensors, which alone takes metadata (null: none at all), else as torch.save()
 * does. Atomic.
 */
export function writeEmbeddings(
  path: string,
  vectors: readonly NamedVectors[],
  precision: SavePrecision | null,
  metadata: Record<string, string> | null,
): void {
  const dtype = precision === null ? "F32" : saveDtypeOf(precision);
  const tensors = vectors.map(({ name, count, width, values }): TensorToWrite => {
    return { name, dtype, shape: [count, width], data: () => toDtype(values, dtype) };
  });
  if (extname(path) !== ".safetensors") writeTorch(path, tensors, null);
  else writeSafetensors(path, tensors, metadata ?? {});
}
