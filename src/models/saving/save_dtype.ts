/** The dtypes that weights are saved in. */
import { f32ToBf16, f32ToF16 } from "../../base/dtype.ts";

/** --save_precision. */
export type SavePrecision = "float" | "fp16" | "bf16";

type SaveDtype = "F32" | "F16" | "BF16";

/** safetensors' name of a --save_precision. */
export function saveDtypeOf(precision: SavePrecision): SaveDtype {
  return precision === "fp16" ? "F16" : precision === "bf16" ? "BF16" : "F32";
}

/**
 * The dtype of a changed tensor that a file had as `stored`: the same where it is one of those; bfloat16 for the smaller
 * ones, in which a training would be lost, and float32 for the larger.
 */
export function changedDtype(stored: string): SaveDtype {
  if (stored === "F32" || stored === "F16" || stored === "BF16") return stored;
  return stored.startsWith("F8_") ? "BF16" : "F32";
}

/** The values as the bytes of one of those dtypes. */
export function toDtype(values: Float32Array, dtype: SaveDtype): Uint8Array {
  const view = dtype === "F16" ? f32ToF16(values) : dtype === "BF16" ? f32ToBf16(values) : values;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
