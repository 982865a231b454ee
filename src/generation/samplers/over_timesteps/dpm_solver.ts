/** What dpmsolver, dpmsolver++ and dpmsingle share: DPM-Solver's steps of first and second order, as diffusers has them. */

import { UserError } from "../../../base/errors.ts";
import { noiseSigmas, TIMESTEPS } from "../../../models/noise/schedule.ts";
import { combine, type Sampler, type SamplerOptions, scheduleOf } from "../sampler.ts";
import { noisedBy, noiseIn, pictureIn, sharesAt } from "./variance_preserving.ts";

/** What the integral is taken of: the predicted noise (arXiv 2206.00927) or the predicted picture (2211.01095). */
export type Integrand = "noise" | "picture";

/** A step from sigma `from` to `to`; `now` is the prediction at `from`, `slope` its change over the step (second order). */
export function solverStep(
  integrand: Integrand,
  { from, to }: { from: number; to: number },
  latents: Float32Array,
  now: Float32Array,
  slope?: Float32Array,
): Float32Array {
  const a = sharesAt(from), b = sharesAt(to), h = Math.log(from / to);
  const [left, weight] = integrand === "picture"
    ? [b.noise / a.noise, -b.signal * Math.expm1(-h)]
    : [b.signal / a.signal, -b.noise * Math.expm1(h)];
  const terms = [[left, latents], [weight, now]] as const;
  return slope ? combine(...terms, [0.5 * weight, slope]) : combine(...terms);
}

/** Evenly spaced whole timesteps from 999 down, without 0, and the sigmas there with the smallest trained one at the end. */
export function solverLevels(
  sampler: string,
  options: SamplerOptions,
): { timesteps: Float32Array; sigmas: Float32Array } {
  const { steps } = options, known = noiseSigmas(scheduleOf(options));
  if (steps >= TIMESTEPS) {
    throw new UserError(`${sampler} cannot take ${steps} steps; use ${TIMESTEPS - 1} at most`);
  }
  const timesteps = Float32Array.from(
    { length: steps },
    (_, i) => halfToEven((steps - i) * ((TIMESTEPS - 1) / steps)),
  );
  return { timesteps, sigmas: Float32Array.of(...timesteps.map((t) => known[t]), known[0]) };
}

function halfToEven(x: number): number {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + floor % 2 : Math.round(x);
}

/** A sampler of these levels; `step` gets the prediction that is integrated. */
export function solver(
  { prediction }: SamplerOptions,
  integrand: Integrand,
  { timesteps, sigmas }: { timesteps: Float32Array; sigmas: Float32Array },
  step: (i: number, now: Float32Array, latents: Float32Array) => Float32Array,
): Sampler {
  const integrated = integrand === "picture" ? pictureIn : noiseIn;
  return {
    timesteps,
    initNoiseSigma: 1,
    inputDivisor: () => 1,
    addNoise: (latents, noise, i) => noisedBy(sharesAt(sigmas[i]), latents, noise),
    step: (i, output, latents) =>
      step(i, integrated(latents, output, sharesAt(sigmas[i]), prediction), latents),
  };
}
