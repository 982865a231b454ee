/** Writing a whole model: the original file's tensors, with the trained ones in their places. */
import { elementBytes, toDtype } from "./save_dtype.ts";
import { type SafetensorsFile, writeSafetensors } from "../formats/safetensors.ts";
import type { Shapes } from "../models/weights.ts";
import type { SavePrecision } from "./config.ts";

/**
 * Writes every key of `shapes`: from `trained` where it is there, else from `file`. With a `precision` everything
 * is converted, without one trained tensors are float32 and the others keep the file's dtype. Atomic.
 */
export function writeCheckpoint(
  path: string,
  shapes: Shapes,
  trained: ReadonlyMap<string, Float32Array>,
  file: SafetensorsFile | null,
  precision: SavePrecision | null,
  metadata: Record<string, string>,
): void {
  const tensors = [...shapes].map(([name, shape]) => {
    const values = trained.get(name);
    if (values) {
      const dtype = elementBytes(precision).dtype;
      return { name, dtype, shape: [...shape], data: () => toDtype(values, precision) };
    }
    if (!file) throw new RangeError(`${path}: no values for ${name}`);
    const source = file;
    const { dtype } = source.info(name);
    const floating = dtype === "F32" || dtype === "F16" || dtype === "BF16";
    if (!precision || !floating) return { name, dtype, shape: [...shape], data: () => source.bytes(name) };
    return {
      name,
      dtype: elementBytes(precision).dtype,
      shape: [...shape],
      data: () => toDtype(source.f32(name), precision),
    };
  });
  writeSafetensors(path, tensors, metadata);
}
