/** Euler's method on the probability flow of arXiv 2206.00364 (algorithm 2 without churn). */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { overSigmas, sigmaSteps } from "./sigmas.ts";

export function euler(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    draw(); // the reference draws noise for churn it never adds; later draws depend on it
    const left = sigmas[i + 1] / sigmas[i];
    return combine([left, latents], [1 - left, denoised]);
  });
}
