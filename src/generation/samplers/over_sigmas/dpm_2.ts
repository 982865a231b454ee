/** DPM-Solver-2's midpoint step, written for sigmas: k-diffusion's sample_dpm_2 (arXiv 2206.00364's flow). */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { overSigmas, sigmaSteps, twoEvaluations } from "./sigmas.ts";

export function dpm2(options: SamplerOptions): Sampler {
  const steps = sigmaSteps(options), { sigmas } = steps;
  const levels = twoEvaluations(steps, (i) => Math.sqrt(sigmas[i] * sigmas[i + 1]));
  let before: Float32Array;
  return overSigmas(options, levels, (i, denoised, latents) => {
    const step = i >> 1, to = sigmas[step + 1], at = levels.sigmas[i];
    if (i % 2 === 0) {
      before = latents;
      const left = (levels.sigmas[i + 1] ?? to) / at;
      return combine([left, latents], [1 - left, denoised]);
    }
    const slope = (to - sigmas[step]) / at;
    return combine([1, before], [slope, latents], [-slope, denoised]);
  });
}
