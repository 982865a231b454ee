/** What the samplers that think in sigmas (k-diffusion's) share. Latents are signal + sigma * noise. */

import { noiseSchedule, noiseSigmas, TIMESTEPS } from "../../models/noise/schedule.ts";
import type { Prediction } from "./sampler.ts";

export interface SigmaSteps {
  /** From 999 down to 0, evenly, not rounded. */
  readonly timesteps: Float32Array;
  /** The noise at each timestep, and 0 at the end: one more than timesteps. */
  readonly sigmas: Float32Array;
}

/** `steps` timesteps from the last to the first, sigmas interpolated between the trained ones. */
export function linspaceSigmas(steps: number): SigmaSteps {
  const known = noiseSigmas(noiseSchedule()), last = TIMESTEPS - 1;
  const timesteps = Float32Array.from(
    { length: steps },
    (_, i) => steps === 1 ? 0 : i === 0 ? last : (steps - 1 - i) * (last / (steps - 1)),
  );
  const sigmas = new Float32Array(steps + 1);
  timesteps.forEach((t, i) => sigmas[i] = interpolate(known, t));
  return { timesteps, sigmas };
}

/** The value between two entries of a table, or at its ends. */
export function interpolate(table: ArrayLike<number>, at: number): number {
  const low = Math.min(Math.floor(at), table.length - 1), high = Math.min(low + 1, table.length - 1);
  return table[low] + (table[high] - table[low]) * (at - low);
}

/** Factors of latents and model output in the predicted picture: original = latents * skip + output * out. */
export function originalFactors(sigma: number, prediction: Prediction): { skip: number; out: number } {
  if (prediction === "epsilon") return { skip: 1, out: -sigma };
  const square = Math.fround(sigma * sigma + 1);
  return { skip: 1 / square, out: -sigma / Math.fround(Math.sqrt(square)) };
}

/** sqrt(sigma^2 + 1): what latents are divided by for a model trained on unit variance. */
export function unitVariance(sigma: number): number {
  return Math.fround(Math.sqrt(Math.fround(sigma * sigma + 1)));
}

/** latents + sigma * noise. */
export function noised(latents: Float32Array, noise: Float32Array, sigma: number): Float32Array {
  return latents.map((x, k) => x + sigma * noise[k]);
}
