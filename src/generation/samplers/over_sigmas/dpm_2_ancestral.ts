/** The midpoint step of dpm_2 down to sigmaDown, then fresh noise: k-diffusion's sample_dpm_2_ancestral. */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { ancestral, overSigmas, sigmaSteps } from "./sigmas.ts";
import { twoEvaluations } from "./two_evaluations.ts";

export function dpm2Ancestral(options: SamplerOptions): Sampler {
  const steps = sigmaSteps(options), { sigmas } = steps;
  const down = (i: number) => ancestral(sigmas[i], sigmas[i + 1]).down;
  const levels = twoEvaluations(steps, options, (i) => Math.sqrt(sigmas[i] * down(i)));
  let before: Float32Array;
  const sampler = overSigmas(options, levels, (i, denoised, latents, draw) => {
    const noise = draw(); // of the first evaluation of a step it is never used; later draws depend on it
    const { step, second } = levels.place(i), at = levels.sigmas[i];
    if (!second) {
      before = latents;
      const left = (levels.sigmas[i + 1] ?? 0) / at;
      return combine([left, latents], [1 - left, denoised]);
    }
    const slope = (down(step) - sigmas[step]) / at;
    const { up } = ancestral(sigmas[step], sigmas[step + 1]);
    return combine([1, before], [slope, latents], [-slope, denoised], [up, noise]);
  });
  return { ...sampler, drawnAhead: 2 };
}
