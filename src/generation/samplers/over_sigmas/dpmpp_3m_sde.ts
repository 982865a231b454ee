/** The same as dpmpp_2m_sde with an order more: k-diffusion's sample_dpmpp_3m_sde, eta 1. */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { logSnr, overSigmas, sigmaSteps } from "./sigmas.ts";

export function dpmpp3mSde(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  let older: Float32Array[] = []; // the newest first
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    const [first, second] = older, to = sigmas[i + 1];
    older = [denoised, ...older].slice(0, 2);
    if (to === 0) return denoised;
    const width = (k: number) => logSnr(sigmas[k + 1]) - logSnr(sigmas[k]);
    const h = width(i), twice = 2 * h, phi2 = Math.expm1(-twice) / twice + 1, phi3 = phi2 / twice - 0.5;
    const x = combine(
      [Math.exp(-twice), latents],
      [-Math.expm1(-twice), denoised],
      [to * Math.sqrt(-Math.expm1(-twice)), draw()],
    );
    if (!first) return x;
    const r0 = width(i - 1) / h;
    const slope = combine([1 / r0, denoised], [-1 / r0, first]);
    if (!second) return combine([1, x], [phi2, slope]);
    const r1 = width(i - 2) / h, both = r0 + r1;
    const curve = combine([1 / both, slope], [-1 / r1 / both, first], [1 / r1 / both, second]);
    return combine([1, x], [phi2, slope], [phi2 * r0 - phi3, curve]);
  });
}
