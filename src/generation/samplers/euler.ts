/** Euler's method on the probability flow of arXiv 2206.00364 (algorithm 2 without churn). */

import type { Scheduler, SchedulerOptions } from "./sampler.ts";
import { linspaceSigmas, noised, originalFactors, unitVariance } from "./sigmas.ts";

export function euler({ steps, prediction }: SchedulerOptions): Scheduler {
  const { timesteps, sigmas } = linspaceSigmas(steps);
  return {
    timesteps,
    initNoiseSigma: Math.max(...sigmas),
    inputDivisor: (i) => unitVariance(sigmas[i]),
    addNoise: (latents, noise, i) => noised(latents, noise, sigmas[i]),
    step(i, output, latents, draw) {
      draw(); // the reference draws noise for churn it never adds; later draws depend on it
      const sigma = sigmas[i], dt = sigmas[i + 1] - sigma;
      const { skip, out: factor } = originalFactors(sigma, prediction);
      const out = new Float32Array(latents.length);
      for (let k = 0; k < out.length; k++) {
        const original = latents[k] * skip + output[k] * factor;
        out[k] = latents[k] + (latents[k] - original) / sigma * dt;
      }
      return out;
    },
  };
}
