/** Writing a whole model: the original file's tensors, with the trained ones in their places. */
import { type TensorToWrite, writeSafetensors } from "../formats/mod.ts";
import type { ModelFile } from "../models/mod.ts";
import type { SavePrecision } from "./config.ts";
import { saveDtypeOf, toDtype } from "./save_dtype.ts";

/**
 * Writes every tensor of the model: from `trained` where it is there, else from the file. With a `precision` everything
 * is converted; without one trained tensors take the dtype that the file has them in, as the others keep it. Atomic.
 */
export function writeCheckpoint(
  path: string,
  model: Pick<ModelFile, "places">,
  trained: ReadonlyMap<string, Float32Array>,
  precision: SavePrecision | null,
  metadata: Record<string, string>,
): void {
  const tensors = [...model.places].map(([name, { file, key, shape }]): TensorToWrite => {
    const stored = file.info(key).dtype;
    const values = trained.get(name);
    const dtype = precision ? saveDtypeOf(precision) : stored;
    const same = !values && dtype === stored;
    return {
      name,
      dtype,
      shape,
      data: () => same ? file.bytes(key) : toDtype(values ?? file.f32(key), dtype),
    };
  });
  writeSafetensors(path, tensors, metadata);
}
