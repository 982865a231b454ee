/**
 * Pictures that are held out to validate with (sd-scripts 0.10.1, split_train_val). There the two parts are shuffled each for
 * itself without a seed, and rounded apart, so that pictures get into both; here a picture is in one of them.
 */

import { PythonRandom } from "../../random/mod.ts";

export interface ValidationSplit {
  readonly part: "training" | "validation";
  /** Of the pictures of each folder or metadata file that are held out, 0 to 1. */
  readonly share: number;
  readonly seed: number;
}

/** One part of a subset's pictures, in the order of the shuffle. */
export function partOf<T>(pictures: readonly T[], { part, share, seed }: ValidationSplit): T[] {
  const shuffled = [...pictures];
  new PythonRandom(seed).shuffle(shuffled);
  const first = pictures.length - roundHalfEven(pictures.length * share);
  return part === "training" ? shuffled.slice(0, first) : shuffled.slice(first);
}

/** Python's round(). */
function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
