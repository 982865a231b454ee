/** Heun's method of second order on the probability flow: arXiv 2206.00364, algorithm 1 without churn. */

import { combine, heldWithinOne, type Sampler, type SamplerOptions } from "../sampler.ts";
import { overSigmas, sigmaSteps } from "./sigmas.ts";
import { twoEvaluations } from "./two_evaluations.ts";

export function heun(options: SamplerOptions): Sampler {
  const steps = sigmaSteps(options), { sigmas } = steps;
  const levels = twoEvaluations(steps, options);
  let before: Float32Array, slope: Float32Array;
  return overSigmas(options, levels, (i, seen, latents) => {
    const denoised = options.clipSample ? heldWithinOne(seen) : seen;
    const { step, second } = levels.place(i), from = sigmas[step], to = sigmas[step + 1];
    if (!second) {
      before = latents;
      slope = combine([1 / from, latents], [-1 / from, denoised]);
      return combine([1, latents], [to - from, slope]);
    }
    const half = (to - from) / 2;
    return combine([1, before], [half, slope], [half / to, latents], [-half / to, denoised]);
  });
}
