/** Euler's method with fresh noise after each step: down to sigmaDown, then up again by sigmaUp. */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { ancestral, overSigmas, sigmaSteps } from "./sigmas.ts";

export function eulerAncestral(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    const { up, down } = ancestral(sigmas[i], sigmas[i + 1]), left = down / sigmas[i];
    return combine([left, latents], [1 - left, denoised], [up, draw()]);
  });
}
