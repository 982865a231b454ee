/** --precision of the tools that compute with weights. */

import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../base/dtype.ts";

import type { Precision } from "./options.ts";

/** Rounds values in place to what a dtype can hold. */
export function rounding(precision: Precision): (values: Float32Array) => Float32Array {
  if (precision === "float") return (values) => values;
  return precision === "fp16"
    ? (values) => f16ToF32(f32ToF16(values))
    : (values) => bf16ToF32(f32ToBf16(values));
}
