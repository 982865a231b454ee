/** What all samplers share: a list of timesteps at which the model is asked, and what is made of each answer. */

import { type NoiseSchedule, noiseSchedule, zeroTerminalSnr } from "../../models/noise/schedule.ts";
import type { SigmaSpacing } from "./over_sigmas/spacings.ts";

/** The target the model was trained for. */
export type Prediction = "epsilon" | "v_prediction";

export interface SamplerOptions {
  /** Sampling steps; samplers of second order ask the model about twice as often. */
  readonly steps: number;
  readonly prediction: Prediction;
  /** Added to DDIM's and PNDM's timesteps: 1, but 0 in pictures that sd-scripts samples during training. */
  readonly stepsOffset: number;
  /** DDIM and heun: the predicted latents are held in [-1, 1], as in pictures that sd-scripts samples during training. */
  readonly clipSample: boolean;
  /** How the sigmas of those that think in sigmas are spaced; null is each sampler's own way. */
  readonly sigmas?: SigmaSpacing | null;
  /** Repeats what the samplers of sd-scripts 0.9.1 (diffusers 0.25) do wrong. */
  readonly compat?: boolean;
  /** Under `compat`: the evaluation that the run begins with, as image to image does. Default 0. */
  readonly begin?: number;
  /** The schedule is rescaled so that its last timestep is pure noise (arXiv 2305.08891). */
  readonly zeroTerminalSnr?: boolean;
}

/** Standard normal noise of the latents' size, from the sampling run's generator. */
export type DrawNoise = () => Float32Array;

/**
 * One sampling run. Evaluations are numbered; a run goes through them in order, from 0 or (image to image) later.
 * Latents are any float32 arrays: samplers treat every element alike, so layout and batch do not matter to them.
 */
export interface Sampler {
  /** The timestep of each model evaluation; not whole numbers in the sigma-based samplers. */
  readonly timesteps: Float32Array;
  /**
   * The evaluation that each step begins with; absent where a step is one evaluation, and under `compat`: sd-scripts counts
   * evaluations for steps where image to image begins.
   */
  readonly stepStarts?: readonly number[];
  /** Image to image: how far the first evaluation lies behind the one whose noise is added. Default 1, steps_offset. */
  readonly imageOffset?: number;
  /** Noises that gen_img.py draws ahead for each step, and never uses. Default 1. */
  readonly drawnAhead?: number;
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
  /** Latents are divided by this before the model sees them at evaluation i. */
  inputDivisor(i: number): number;
  /** Latents with as much noise as evaluation i expects: where image to image starts. */
  addNoise(latents: Float32Array, noise: Float32Array, i: number): Float32Array;
  /** From the model's answer at evaluation i to the next latents. Draws noise exactly as often as the reference. */
  step(
    i: number,
    output: Float32Array,
    latents: Float32Array,
    draw: DrawNoise,
    growth?: Growth,
  ): Float32Array;
}

/** Gradual Latent: a step at whose end latents are larger. Its noise is drawn at the new size. */
export interface Growth {
  /** Enlarged and sharpened is what the step gives, else the latents before it (the slope is only enlarged). */
  readonly ofResult: boolean;
  /** Factor of the noise. */
  readonly noise: number;
  enlarge(values: Float32Array, sharpen: boolean): Float32Array;
}

/** The noise schedule that a run samples from. */
export function scheduleOf({ zeroTerminalSnr: zero = false }: SamplerOptions): NoiseSchedule {
  if (!zero) return noiseSchedule();
  const schedule = zeroTerminalSnr(noiseSchedule()), alphasCumprod = schedule.alphasCumprod.slice();
  // diffusers' stand-in for 0, of which sigma would be infinite
  alphasCumprod[alphasCumprod.length - 1] = 2 ** -24;
  return { ...schedule, alphasCumprod };
}

/** Latents as `clipSample` holds them. */
export function heldWithinOne(latents: Float32Array): Float32Array {
  return latents.map((x) => Math.min(1, Math.max(-1, x)));
}

/** A weighted sum of arrays of one length, rounded once. */
export function combine(
  ...terms: readonly (readonly [weight: number, values: Float32Array])[]
): Float32Array {
  const out = new Float32Array(terms[0][1].length);
  for (let k = 0; k < out.length; k++) {
    let sum = 0;
    for (const [weight, values] of terms) sum += weight * values[k];
    out[k] = sum;
  }
  return out;
}
