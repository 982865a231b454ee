/** The dtypes that weights are saved in. */
import { f32ToBf16, f32ToF16 } from "../base/dtype.ts";
import type { SavePrecision } from "./config.ts";

/** safetensors' name of a --save_precision; null is float32. */
export function elementBytes(
  precision: SavePrecision | null,
): { dtype: "F32" | "F16" | "BF16"; bytes: 2 | 4 } {
  if (precision === "fp16") return { dtype: "F16", bytes: 2 };
  if (precision === "bf16") return { dtype: "BF16", bytes: 2 };
  return { dtype: "F32", bytes: 4 };
}

/** The values as the bytes of a --save_precision. */
export function toDtype(values: Float32Array, precision: SavePrecision | null): Uint8Array {
  const view = precision === "fp16" ? f32ToF16(values) : precision === "bf16" ? f32ToBf16(values) : values;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
