/**
 * A model whose answers are known: pictures whose elements are independent, normal around MEAN with deviation SPREAD. Then
 * the best prediction of a picture in noise sigma is (SPREAD^2 x + sigma^2 MEAN) / (SPREAD^2 + sigma^2), and the probability
 * flow keeps (x - MEAN) / sqrt(SPREAD^2 + sigma^2).
 */

import { noiseSchedule, noiseSigmas } from "../../../src/models/noise/schedule.ts";
import { createSampler, type Sampler, type SamplerOptions } from "../../../src/generation/samplers/mod.ts";

export const MEAN = 0.7, SPREAD = 0.5;

/** Noise of the trained timesteps, from the least. */
export const SIGMAS = noiseSigmas(noiseSchedule());

/** The picture in x = picture + sigma * noise. */
export function denoised(x: number, sigma: number): number {
  return (SPREAD ** 2 * x + sigma ** 2 * MEAN) / (SPREAD ** 2 + sigma ** 2);
}

/** Noise at a timestep, interpolated by its logarithm. */
export function sigmaAt(timestep: number): number {
  const low = Math.min(Math.floor(timestep), SIGMAS.length - 2), share = timestep - low;
  return Math.exp(Math.log(SIGMAS[low]) * (1 - share) + Math.log(SIGMAS[low + 1]) * share);
}

export const OPTIONS: SamplerOptions = {
  steps: 10,
  prediction: "epsilon",
  stepsOffset: 1,
  clipSample: false,
};

/** What the model answers to latents as it sees them: of unit variance, as one that predicts noise or v. */
export function answer(seen: number, sigma: number, { prediction }: SamplerOptions): number {
  const signal = 1 / Math.hypot(1, sigma), noise = sigma * signal;
  const picture = denoised(seen / signal, sigma), epsilon = (seen - signal * picture) / noise;
  return prediction === "epsilon" ? epsilon : signal * epsilon - noise * picture;
}

/** Samples from `start`, standard normal; `draw` gives fresh noise. */
export function run(
  of: string | ((options: SamplerOptions) => Sampler),
  options: SamplerOptions,
  start: Float32Array,
  draw: () => Float32Array = () => new Float32Array(start.length),
): { sampler: Sampler; end: Float32Array } {
  const sampler = typeof of === "string" ? createSampler(of, options) : of(options);
  let latents: Float32Array = start.map((x) => x * sampler.initNoiseSigma);
  sampler.timesteps.forEach((timestep, i) => {
    const divisor = sampler.inputDivisor(i), sigma = sigmaAt(timestep);
    const output = latents.map((x) => answer(x / divisor, sigma, options));
    latents = sampler.step(i, output, latents, draw);
  });
  return { sampler, end: latents };
}
