/** The dtypes that weights are saved in. */
import { f32ToBf16, f32ToF16 } from "../../base/dtype.ts";
import type { SavePrecision } from "../options.ts";

/** safetensors' name of a --save_precision. */
export function saveDtypeOf(precision: SavePrecision): "F32" | "F16" | "BF16" {
  return precision === "fp16" ? "F16" : precision === "bf16" ? "BF16" : "F32";
}

/** The values as the bytes of one of safetensors' floating dtypes. */
export function toDtype(values: Float32Array, dtype: string): Uint8Array {
  if (!["F32", "F16", "BF16"].includes(dtype)) throw new TypeError(`weights cannot be written as ${dtype}`);
  const view = dtype === "F16" ? f32ToF16(values) : dtype === "BF16" ? f32ToBf16(values) : values;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
