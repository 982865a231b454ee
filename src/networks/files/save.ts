/** Writing a LoRA file: sd-scripts' keys, order, dtypes and hashes. */

import { f32ToBf16, f32ToF16 } from "../../base/dtype.ts";
import { writeTorch } from "../../formats/pickle/torch_writer.ts";
import { networkHashes } from "../../formats/model_hash.ts";
import { type TensorToWrite, writeSafetensors } from "../../formats/safetensors.ts";
import type { Alpha } from "../sites/values.ts";
import type { Dialect } from "../options.ts";
import { translated } from "./dialects.ts";
import { filedAs } from "./filed.ts";
import type { NetworkModule } from "../kinds/kind.ts";

/** The element type of a file; null keeps float32 weights, and integer alphas as int64. */
export type SaveDtype = "F32" | "F16" | "BF16" | null;

/** --save_precision as a file's dtype. */
export function saveDtype(precision: "float" | "fp16" | "bf16" | null): SaveDtype {
  return precision === null ? null : ({ float: "F32", fp16: "F16", bf16: "BF16" } as const)[precision];
}

/**
 * Writes a whole file or none, with the two sshs hashes added to the metadata. `weights` hold float32 under the
 * modules' file keys, `dialect` is whose keys the file gets. Throws UserError when the disk refuses.
 */
export function saveLora(
  path: string,
  modules: readonly NetworkModule[],
  weights: ReadonlyMap<string, Float32Array>,
  dtype: SaveDtype,
  metadata: Readonly<Record<string, string>> = {},
  dialect: Dialect = "kohya",
): void {
  const write = (m: readonly NetworkModule[], w: ReadonlyMap<string, Float32Array>) =>
    loraTensors(m, w, dtype);
  saveTensors(path, translated(dialect, { modules, weights }, write), metadata);
}

/** The same for tensors that are ready. */
export function saveTensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): void {
  if (!path.endsWith(".safetensors")) return writeTorch(path, tensors, null); // which has no place for metadata
  const { modelHash, legacyHash } = networkHashes(tensors, metadata);
  writeSafetensors(path, tensors, { ...metadata, sshs_model_hash: modelHash, sshs_legacy_hash: legacyHash });
}

/** A network's tensors as its file holds them; values are converted when their turn comes. */
export function loraTensors(
  modules: readonly NetworkModule[],
  weights: ReadonlyMap<string, Float32Array>,
  dtype: SaveDtype,
): TensorToWrite[] {
  const filed = filedAs({ modules, weights });
  return filed.modules.flatMap((module): TensorToWrite[] => {
    const tensor = (name: string, shape: readonly number[]): TensorToWrite => {
      const values = filed.weights.get(name);
      if (!values) throw new TypeError(`there are no weights for ${name}`);
      return { name, dtype: dtype ?? "F32", shape, data: () => encode(values, dtype ?? "F32") };
    };
    const constant = ([suffix, { value, integer }]: [string, Alpha]): TensorToWrite => ({
      name: `${module.name}.${suffix}`,
      shape: [],
      ...integer && dtype === null
        ? { dtype: "I64", data: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer) }
        : { dtype: dtype ?? "F32", data: encode(Float32Array.of(value), dtype ?? "F32") },
    });
    const { constants } = module.kind;
    return [
      ...Object.entries(constants ? constants(module) : { alpha: module.alpha }).map(constant),
      ...Object.entries(module.tensors).map(([suffix, shape]) => tensor(`${module.name}.${suffix}`, shape)),
    ];
  });
}

/** The bytes of float32 values as a file's dtype. */
export function encode(values: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array {
  const packed = dtype === "F32" ? values : dtype === "F16" ? f32ToF16(values) : f32ToBf16(values);
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}
