/** SDE-DPM-Solver++(2M), midpoint, eta 1: k-diffusion's sample_dpmpp_2m_sde (arXiv 2211.01095, appendix). */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { logSnr, overSigmas, sigmaSteps } from "./sigmas.ts";

export function dpmpp2mSde(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  let last: Float32Array | undefined;
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    const before = last, from = sigmas[i], to = sigmas[i + 1];
    last = denoised;
    if (to === 0) return denoised;
    const h = logSnr(to) - logSnr(from), weight = -Math.expm1(-2 * h), noise = draw();
    const half = before ? h / (logSnr(from) - logSnr(sigmas[i - 1])) / 2 : 0;
    return combine(
      [to / from * Math.exp(-h), latents],
      [weight * (1 + half), denoised],
      [-weight * half, before ?? denoised],
      [to * Math.sqrt(weight), noise],
    );
  });
}
