/** Samplers that ask the model twice in each step but the last. */

import type { SamplerOptions } from "../sampler.ts";
import type { SigmaSteps } from "./sigmas.ts";

export interface TwoEvaluations {
  readonly timesteps: Float32Array;
  /** At which the model is asked in each evaluation. */
  readonly sigmas: Float32Array;
  /** Of what image to image adds before each. */
  readonly noiseSigmas: Float32Array;
  readonly stepStarts?: readonly number[];
  /** The step that evaluation i belongs to, and whether it is the second of it. */
  place(i: number): { step: number; second: boolean };
}

/**
 * The second evaluation is at the sigma `between(step)`, or at the next step's.
 *
 * diffusers takes the evaluation that a run begins with for a step's first, whichever it is. Where it is a second one
 * the steps from there on stay whole, and their timesteps are those of one evaluation before. So it is here under
 * `compat`, whose runs alone begin there; the model is then asked at `asked(step)`.
 */
export function twoEvaluations(
  { timesteps, sigmas, timestepOf }: SigmaSteps,
  { compat, begin = 0 }: SamplerOptions,
  between?: (step: number) => number,
  asked = between,
): TwoEvaluations {
  const late = begin % 2;
  const place = (i: number) => ({ step: (i + late) >> 1, second: (i + late) % 2 === 1 });
  const evaluations = Array.from({ length: 2 * timesteps.length - 1 }, (_, i) => i);
  const timestep = (i: number) =>
    i % 2 === 0 ? timesteps[i / 2] : between ? timestepOf(between(i >> 1)) : timesteps[(i + 1) / 2];
  const sigma = (i: number) => {
    const { step, second } = place(i);
    return !second ? sigmas[step] : asked ? asked(step) : sigmas[step + 1];
  };
  const askedAt = Float32Array.from(evaluations, sigma);
  return {
    timesteps: Float32Array.from(evaluations, timestep),
    sigmas: askedAt,
    noiseSigmas: compat ? Float32Array.from(evaluations, (i) => sigmas[(i + 1) >> 1]) : askedAt,
    stepStarts: compat ? undefined : Array.from(timesteps, (_, step) => 2 * step),
    place,
  };
}
