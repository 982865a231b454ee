/** UniPC of second order with B2(h), predicting the picture: arXiv 2302.04867, algorithms 1 and 2 with its corrector. */

import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";
import { logSnr, overSigmas, sigmaSteps } from "./sigmas.ts";

export function uniPc(options: SamplerOptions): Sampler {
  const levels = sigmaSteps(options), { sigmas } = levels;
  let pictures: Float32Array[] = []; // the newest first
  let start: Float32Array | undefined; // the latents before the last step
  return overSigmas(options, levels, (i, denoised, latents) => {
    const width = (k: number) => logSnr(sigmas[k + 1]) - logSnr(sigmas[k]);
    let x = latents;
    if (start) { // the last step again, now that the prediction at its end is known
      const h = width(i - 1), base = Math.expm1(-h), [m0, m1] = pictures;
      const { own, older } = corrector(h, m1 ? -width(i - 2) / h : null);
      x = combine(
        [sigmas[i] / sigmas[i - 1], start],
        [-base * (1 - own - older), m0],
        [-base * own, denoised],
        ...(m1 ? [[-base * older, m1] as const] : []),
      );
    }
    pictures = [denoised, ...pictures].slice(0, 2);
    start = x;
    const from = sigmas[i], to = sigmas[i + 1];
    if (to === 0) return denoised;
    const base = Math.expm1(-width(i)), before = pictures[1];
    if (!before) return combine([to / from, x], [-base, denoised]);
    const half = width(i) / width(i - 1) / 2; // 1 / (2 r)
    return combine([to / from, x], [-base * (1 + half), denoised], [base * half, before]);
  });
}

/**
 * Weights of the difference to the prediction at the step's end, and (by its place r, negative, in units of h) of the one
 * before its start: the solution of equation 8 for B2(h).
 */
function corrector(h: number, r: number | null): { own: number; older: number } {
  if (r === null) return { own: 0.5, older: 0 };
  const phi1 = Math.expm1(-h), phi2 = phi1 / -h - 1, phi3 = phi2 / -h - 0.5;
  const b1 = phi2 / phi1, b2 = 2 * phi3 / phi1; // rho_r + rho_1 = b1, r rho_r + rho_1 = b2
  const rho = (b1 - b2) / (1 - r);
  return { own: b1 - rho, older: rho / r };
}
