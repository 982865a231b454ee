/** DPM-Solver++(2M) over any sigmas down to 0: k-diffusion's sample_dpmpp_2m (arXiv 2211.01095). */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { logSnr, overSigmas, sigmaSteps } from "./sigmas.ts";

export function dpmpp2m(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  let last: Float32Array | undefined;
  return overSigmas(options, levels, (i, denoised, latents) => {
    const before = last, from = sigmas[i], to = sigmas[i + 1];
    last = denoised;
    if (to === 0) return denoised;
    const h = logSnr(to) - logSnr(from), weight = -Math.expm1(-h);
    if (!before) return combine([to / from, latents], [weight, denoised]);
    const half = h / (logSnr(from) - logSnr(sigmas[i - 1])) / 2; // 1 / (2 r)
    return combine([to / from, latents], [weight * (1 + half), denoised], [-weight * half, before]);
  });
}
