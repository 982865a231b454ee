/** What the samplers share that hold latents of unit variance: sqrt(a) * picture + sqrt(1 - a) * noise. */

import { combine, type Prediction } from "../sampler.ts";

/** Shares of picture and noise in latents. */
export interface Shares {
  readonly signal: number;
  readonly noise: number;
}

/** Shares by what is left of the signal in the variance (alphas_cumprod). */
export function sharesOf(alpha: number): Shares {
  return { signal: Math.fround(Math.sqrt(alpha)), noise: Math.fround(Math.sqrt(Math.fround(1 - alpha))) };
}

/** Shares by sigma = noise / signal. */
export function sharesAt(sigma: number): Shares {
  const signal = 1 / Math.sqrt(sigma * sigma + 1);
  return { signal, noise: sigma * signal };
}

/** The picture that the model predicts. */
export function pictureIn(
  latents: Float32Array,
  output: Float32Array,
  { signal, noise }: Shares,
  prediction: Prediction,
): Float32Array {
  return prediction === "epsilon"
    ? combine([1 / signal, latents], [-noise / signal, output])
    : combine([signal, latents], [-noise, output]);
}

/** The noise that the model predicts. */
export function noiseIn(
  latents: Float32Array,
  output: Float32Array,
  { signal, noise }: Shares,
  prediction: Prediction,
): Float32Array {
  return prediction === "epsilon" ? output : combine([noise, latents], [signal, output]);
}

/** Latents of a picture with noise. */
export function noisedBy(
  { signal, noise }: Shares,
  picture: Float32Array,
  drawn: Float32Array,
): Float32Array {
  return combine([signal, picture], [noise, drawn]);
}
