/** What the options say of dtypes: of activations, frozen weights and trained ones. */

import type { DType } from "../base/dtype.ts";
import { UNET } from "../models/mod.ts";
import type { MixedPrecision, StepConfig } from "./options.ts";
import type { TrainedDtype } from "./step/trainable.ts";

/** The dtype of activations and frozen weights. */
export const computeDtype = (precision: MixedPrecision): DType =>
  precision === "no" ? "f32" : precision === "fp16" ? "f16" : "bf16";

/** The dtype of each frozen weight: that of activations, or 8 bits where --fp8_base asks for it. */
export function frozenDtype(
  { mixedPrecision, fp8Base, fp8BaseUnet }: Pick<StepConfig, "mixedPrecision" | "fp8Base" | "fp8BaseUnet">,
): (key: string) => DType {
  const dtype = computeDtype(mixedPrecision);
  const narrow = (key: string) =>
    key.startsWith(`${UNET}.`) ? fp8Base || fp8BaseUnet : fp8Base && !/embedding/.test(key);
  return (key) => narrow(key) ? "f8" : dtype;
}

/** The dtype of trained weights. */
export const trainedDtype = (
  { fullBf16, fullFp16 }: Pick<StepConfig, "fullBf16" | "fullFp16">,
): TrainedDtype => fullBf16 ? "bf16" : fullFp16 ? "f16" : "f32";
