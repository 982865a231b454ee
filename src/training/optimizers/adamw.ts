/** AdamW's options and step-dependent numbers (torch.optim.AdamW, arXiv 1711.05101). */
import { UsageError } from "../../base/errors.ts";
import { keyValues } from "../schedules/python_literal.ts";

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** Values of --optimizer_type; capitals do not matter, and the class may be spelled out. */
export const optimizerNames: readonly string[] = ["AdamW"];

/** Reads --optimizer_type and --optimizer_args. Throws UsageError for other optimizers and unknown arguments. */
export function readOptimizer(type: string, args: readonly string[] | null): AdamWOptions {
  const name = type === "" ? "AdamW" : type;
  if (!/^(torch\.optim\.)?adamw$/i.test(name)) {
    throw new UsageError(`optimizer ${name} is not supported yet; use AdamW`);
  }
  const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01 };
  for (const [key, value] of Object.entries(keyValues("--optimizer_args", args))) {
    if (key === "betas") {
      const pair = Array.isArray(value) ? value : [];
      if (pair.length !== 2 || pair.some((b) => typeof b !== "number" || !(b >= 0 && b < 1))) {
        throw new UsageError(
          `--optimizer_args betas must be two numbers in [0, 1), such as betas=(0.9,0.999)`,
        );
      }
      [options.beta1, options.beta2] = pair as number[];
    } else if (key === "eps" || key === "weight_decay") {
      if (typeof value !== "number" || !(value >= 0 && value < Infinity)) {
        throw new UsageError(`--optimizer_args ${key} must be a number, 0 or more`);
      }
      if (key === "eps") options.eps = value;
      else options.weightDecay = value;
    } else if ((key === "amsgrad" || key === "maximize") && value !== false) {
      throw new UsageError(`--optimizer_args ${key} is not supported yet`);
    } else if (!["amsgrad", "maximize", "foreach", "fused", "capturable", "differentiable"].includes(key)) {
      throw new UsageError(`--optimizer_args: AdamW takes no ${key}; it takes betas, eps and weight_decay`);
    }
  }
  return options;
}

/** The `hyper` operand of the op adamw for optimizer step t, counted from 1. */
export function adamwHyper(
  { beta1, beta2, eps, weightDecay }: AdamWOptions,
  lr: number,
  t: number,
): Float32Array {
  return Float32Array.of(lr, beta1, beta2, eps, weightDecay, 1 - beta1 ** t, 1 - beta2 ** t);
}
