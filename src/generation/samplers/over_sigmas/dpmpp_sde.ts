/**
 * SDE-DPM-Solver++ with a midpoint evaluation: k-diffusion's sample_dpmpp_sde, eta 1, r 1/2. Its two draws of a step are of
 * one Brownian motion over sigma: the second's interval holds the first's.
 */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { ancestral, overSigmas, sigmaSteps } from "./sigmas.ts";
import { twoEvaluations } from "./two_evaluations.ts";

export function dpmppSde(options: SamplerOptions): Sampler {
  const steps = sigmaSteps(options), { sigmas } = steps;
  const levels = twoEvaluations(steps, options, (i) => Math.sqrt(sigmas[i] * sigmas[i + 1]));
  let before: Float32Array, noise: Float32Array;
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    const step = i >> 1, from = sigmas[step], to = sigmas[step + 1];
    if (to === 0) return denoised;
    if (i % 2 === 0) {
      before = latents;
      noise = draw();
      const { up, down } = ancestral(from, levels.sigmas[i + 1]), left = down / from;
      return combine([left, latents], [1 - left, denoised], [up, noise]);
    }
    const { up, down } = ancestral(from, to), left = down / from, middle = levels.sigmas[i];
    const share = (a: number, b: number) => Math.sqrt((a - b) / (from - to));
    return combine(
      [left, before],
      [1 - left, denoised], // 1 / (2 r) is 1: of the first prediction nothing is left
      [up * share(from, middle), noise],
      [up * share(middle, to), draw()],
    );
  });
}
