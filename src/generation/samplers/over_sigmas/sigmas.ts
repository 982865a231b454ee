/** What the samplers that think in sigmas (k-diffusion's) share. Latents are signal + sigma * noise. */

import { noiseSigmas, TIMESTEPS } from "../../../models/noise/schedule.ts";
import {
  combine,
  type DrawNoise,
  type Growth,
  type Prediction,
  type Sampler,
  type SamplerOptions,
  scheduleOf,
} from "../sampler.ts";
import { SPACINGS } from "./spacings.ts";

export interface SigmaSteps {
  /** Of each step. From 999 down to 0, evenly, not rounded, unless the options say otherwise. */
  readonly timesteps: Float32Array;
  /** The noise at each timestep, and 0 at the end: one more than timesteps. */
  readonly sigmas: Float32Array;
  /** The timestep at which the noise is `sigma`, between two of the table by its logarithm; not rounded. */
  timestepOf(sigma: number): number;
}

/** The steps of a run: sigmas interpolated between the trained ones, or spaced as `options.sigmas` says. */
export function sigmaSteps(options: SamplerOptions): SigmaSteps {
  const known = noiseSigmas(scheduleOf(options));
  const { steps, sigmas: spacing } = options, timestepOf = (sigma: number) => timestepAt(known, sigma);
  if (spacing) {
    const chosen = SPACINGS[spacing].space(steps, known);
    return {
      timesteps: Float32Array.from(chosen, timestepOf),
      sigmas: Float32Array.of(...chosen, 0),
      timestepOf,
    };
  }
  const last = TIMESTEPS - 1;
  const timesteps = Float32Array.from(
    { length: steps },
    (_, i) => steps === 1 ? 0 : i === 0 ? last : (steps - 1 - i) * (last / (steps - 1)),
  );
  const sigmas = new Float32Array(steps + 1);
  timesteps.forEach((t, i) => sigmas[i] = interpolate(known, t));
  return { timesteps, sigmas, timestepOf };
}

/** The value between two entries of a table, or at its ends. */
export function interpolate(table: ArrayLike<number>, at: number): number {
  const low = Math.min(Math.floor(at), table.length - 1), high = Math.min(low + 1, table.length - 1);
  return table[low] + (table[high] - table[low]) * (at - low);
}

/** diffusers' _sigma_to_t. */
function timestepAt(known: Float32Array, sigma: number): number {
  const wanted = Math.log(Math.max(sigma, 1e-10));
  let low = known.findLastIndex((s) => Math.log(s) <= wanted);
  low = Math.min(Math.max(low, 0), known.length - 2);
  const from = Math.log(known[low]), to = Math.log(known[low + 1]);
  return low + Math.min(1, Math.max(0, (from - wanted) / (from - to)));
}

/** The picture that the model predicts, from what the sampler holds (not divided) and what it answered. */
export function predicted(
  latents: Float32Array,
  output: Float32Array,
  sigma: number,
  prediction: Prediction,
): Float32Array {
  if (prediction === "epsilon") return combine([1, latents], [-sigma, output]);
  const square = Math.fround(sigma * sigma + 1);
  return combine([1 / square, latents], [-sigma / Math.fround(Math.sqrt(square)), output]);
}

/** sqrt(sigma^2 + 1): what latents are divided by for a model trained on unit variance. */
export function unitVariance(sigma: number): number {
  return Math.fround(Math.sqrt(Math.fround(sigma * sigma + 1)));
}

/** What is made of a prediction at evaluation i: the next latents. `denoised` is the predicted picture. */
export type SigmaStep = (
  i: number,
  denoised: Float32Array,
  latents: Float32Array,
  draw: DrawNoise,
  growth?: Growth,
) => Float32Array;

/** A sampler that asks the model at these timesteps and sigmas. */
export function overSigmas(
  { prediction }: SamplerOptions,
  levels: {
    readonly timesteps: Float32Array;
    /** One for each timestep, or more. */
    readonly sigmas: Float32Array;
    /** What image to image adds; default `sigmas`. */
    readonly noiseSigmas?: Float32Array;
    readonly stepStarts?: readonly number[];
  },
  step: SigmaStep,
): Sampler {
  const { timesteps, sigmas, noiseSigmas = sigmas, stepStarts } = levels;
  return {
    timesteps,
    stepStarts,
    initNoiseSigma: Math.max(...sigmas),
    inputDivisor: (i) => unitVariance(sigmas[i]),
    addNoise: (latents, noise, i) => combine([1, latents], [noiseSigmas[i], noise]),
    step: (i, output, latents, draw, growth) =>
      step(i, predicted(latents, output, sigmas[i], prediction), latents, draw, growth),
  };
}

/** -log(sigma): the time in which the exponential integrators (DPM-Solver) take their steps. */
export function logSnr(sigma: number): number {
  return -Math.log(sigma);
}

/** k-diffusion's get_ancestral_step with eta 1: the noise to go down to, and how much fresh noise then leads to `to`. */
export function ancestral(from: number, to: number): { up: number; down: number } {
  const up = Math.sqrt(to ** 2 * (from ** 2 - to ** 2) / from ** 2);
  return { up, down: Math.sqrt(Math.max(0, to ** 2 - up ** 2)) };
}
