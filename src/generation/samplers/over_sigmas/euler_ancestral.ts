/** Euler's method with fresh noise after each step: down to sigmaDown, then up again by sigmaUp. */

import { combine, type Growth, type Sampler, type SamplerOptions } from "../sampler.ts";
import { ancestral, overSigmas, sigmaSteps } from "./sigmas.ts";

export function eulerAncestral(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  return overSigmas(options, levels, (i, denoised, latents, draw, growth) => {
    const { up, down } = ancestral(sigmas[i], sigmas[i + 1]), left = down / sigmas[i];
    if (!growth) return combine([left, latents], [1 - left, denoised], [up, draw()]);
    return combine([1, grown(growth, left, latents, denoised)], [up * growth.noise, draw()]);
  });
}

/** The step down to sigmaDown with a larger result. */
function grown(
  { ofResult, enlarge }: Growth,
  left: number,
  latents: Float32Array,
  denoised: Float32Array,
): Float32Array {
  if (ofResult) return enlarge(combine([left, latents], [1 - left, denoised]), true);
  const change = combine([left - 1, latents], [1 - left, denoised]);
  return combine([1, enlarge(latents, true)], [1, enlarge(change, false)]);
}
