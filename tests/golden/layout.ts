/** Between the golden files' channels-first order and easel's channels-last, and inputs written as formulas. */

import { UserError } from "../../src/base/errors.ts";
import { uniform } from "./synth.ts";

/** (N, C, H, W) -> (N, H, W, C). */
export function toChannelsLast(values: ArrayLike<number>, [n, c, h, w]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length), pixels = h * w;
  for (let b = 0; b < n; b++) {
    for (let channel = 0; channel < c; channel++) {
      for (let p = 0; p < pixels; p++) {
        out[(b * pixels + p) * c + channel] = values[(b * c + channel) * pixels + p];
      }
    }
  }
  return out;
}

/** (N, H, W, C) -> (N, C, H, W), the shape given channels-first. */
export function toChannelsFirst(values: ArrayLike<number>, [n, c, h, w]: readonly number[]): Float32Array {
  const out = new Float32Array(values.length), pixels = h * w;
  for (let b = 0; b < n; b++) {
    for (let channel = 0; channel < c; channel++) {
      for (let p = 0; p < pixels; p++) {
        out[(b * c + channel) * pixels + p] = values[(b * pixels + p) * c + channel];
      }
    }
  }
  return out;
}

/** A formula such as "1.7 * uniform('input.x'), shape [2,4,16,16]"; `shape` where the text does not give it. */
export function formula(text: string, shape?: readonly number[]): { values: Float32Array; shape: number[] } {
  const found = /^\s*(?:([\d.eE+-]+)\s*\*\s*)?uniform\('([^']+)'\)(?:.*?shape \[([\d,\s]+)\])?/.exec(text);
  const size = found?.[3]?.split(",").map(Number) ?? (shape && [...shape]);
  if (!found || !size) throw new UserError(`"${text}" is no formula of the golden format`);
  const count = size.reduce((a, b) => a * b, 1);
  return { values: uniform(found[2], count, Number(found[1] ?? 1)), shape: size };
}

/** The name inside the uniform('...') of a rule. */
export function uniformName(text: string): string {
  const found = /uniform\('([^']+)'\)/.exec(text);
  if (!found) throw new UserError(`"${text}" names no uniform(...)`);
  return found[1];
}
