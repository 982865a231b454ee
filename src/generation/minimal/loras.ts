/** `--lora_weights FILE;STRENGTH`. */

import { UsageError } from "../../base/errors.ts";

/** A LoRA file with its strength; 1 where none is given. Throws UsageError for one that is no number. */
export function readLoraWeight(text: string): { path: string; multiplier: number } {
  const at = text.lastIndexOf(";");
  if (at < 0) return { path: text, multiplier: 1 };
  const words = text.slice(at + 1).trim(), multiplier = words === "" ? NaN : Number(words);
  if (!Number.isFinite(multiplier)) {
    throw new UsageError(
      `--lora_weights ${text}: "${words}" is not a number; a strength looks like cat.safetensors;0.8`,
    );
  }
  return { path: text.slice(0, at), multiplier };
}
