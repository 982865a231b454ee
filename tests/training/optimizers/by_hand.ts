/** Vectors of the recorded steps' size, for formulas in float64. */
import { N, u } from "./recorded_steps.ts";

export type Vector = number[];
export const map = (a: Vector, of: (x: number, i: number) => number): Vector => a.map(of);
export const zeros = (): Vector => Array(N).fill(0);
export const gradient = (k: number): Vector =>
  Array.from({ length: N }, (_, i) => 0.5 * u(2, i) + u(100 + k, i));
export const rms = (a: Vector) => Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length);

/** One step: the weights that are trained, changed in place; gives those that are saved where they are others. */
export type Step = (w: Vector, g: Vector, step: number, lr: number) => Vector | void;
