/** DPM-Solver-2's midpoint step, written for sigmas: k-diffusion's sample_dpm_2 (arXiv 2206.00364's flow). */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { overSigmas, sigmaSteps } from "./sigmas.ts";
import { twoEvaluations } from "./two_evaluations.ts";

export function dpm2(options: SamplerOptions): Sampler {
  const steps = sigmaSteps(options), { sigmas } = steps;
  const between = (i: number) => Math.sqrt(sigmas[i] * sigmas[i + 1]);
  // diffusers' steps that begin with a second evaluation go up to the middle of the step before, and nowhere
  const late = (options.begin ?? 0) % 2;
  const levels = twoEvaluations(steps, options, between, (i) => between(i - late));
  let before: Float32Array;
  return overSigmas(options, levels, (i, denoised, latents) => {
    const { step, second } = levels.place(i), to = sigmas[step + 1 - late], at = levels.sigmas[i];
    if (!second) {
      before = latents;
      const left = (levels.sigmas[i + 1] ?? to) / at;
      return combine([left, latents], [1 - left, denoised]);
    }
    const slope = (to - sigmas[step]) / at;
    return combine([1, before], [slope, latents], [-slope, denoised]);
  });
}
