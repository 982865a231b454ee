/** Writing a whole model: the original file's tensors, with the changed ones in their places. */
import { type TensorToWrite, writeSafetensors } from "../../formats/mod.ts";
import type { ModelFile } from "../../models/mod.ts";
import type { SavePrecision } from "../options.ts";
import { saveDtypeOf, toDtype } from "./save_dtype.ts";

/** Tensors by key; one is asked for when its turn comes to be written. */
export interface ChangedTensors {
  has(key: string): boolean;
  get(key: string): Float32Array | undefined;
}

/** Writes every tensor of the model, see checkpointTensors(). Atomic. */
export function writeCheckpoint(
  path: string,
  model: Pick<ModelFile, "places">,
  changed: ChangedTensors,
  precision: SavePrecision | null,
  metadata: Record<string, string>,
): void {
  writeSafetensors(path, checkpointTensors(model, changed, precision), metadata);
}

/**
 * Every tensor of the model: from `changed` where it is there, else from the file. With a `precision` everything is
 * converted; without one changed tensors take the dtype that the file has them in, as the others keep it.
 */
export function checkpointTensors(
  model: Pick<ModelFile, "places">,
  changed: ChangedTensors,
  precision: SavePrecision | null,
): TensorToWrite[] {
  return [...model.places].map(([name, { file, key, shape }]): TensorToWrite => {
    const stored = file.info(key).dtype;
    const dtype = precision ? saveDtypeOf(precision) : stored;
    const same = !changed.has(name) && dtype === stored;
    return {
      name,
      dtype,
      shape,
      copied: same,
      data: () => same ? file.bytes(key) : toDtype(changed.get(name) ?? file.f32(key), dtype),
    };
  });
}
