/** Euler's method with fresh noise after each step: down to sigmaDown, then up again by sigmaUp. */

import type { Scheduler, SchedulerOptions } from "./sampler.ts";
import { linspaceSigmas, noised, originalFactors, unitVariance } from "./sigmas.ts";

export function eulerAncestral({ steps, prediction }: SchedulerOptions): Scheduler {
  const { timesteps, sigmas } = linspaceSigmas(steps);
  return {
    timesteps,
    initNoiseSigma: Math.max(...sigmas),
    inputDivisor: (i) => unitVariance(sigmas[i]),
    addNoise: (latents, noise, i) => noised(latents, noise, sigmas[i]),
    step(i, output, latents, draw) {
      const from = sigmas[i], to = sigmas[i + 1];
      const up = Math.sqrt(to ** 2 * (from ** 2 - to ** 2) / from ** 2);
      const dt = Math.sqrt(to ** 2 - up ** 2) - from;
      const { skip, out: factor } = originalFactors(from, prediction);
      const noise = draw();
      const out = new Float32Array(latents.length);
      for (let k = 0; k < out.length; k++) {
        const original = latents[k] * skip + output[k] * factor;
        out[k] = latents[k] + (latents[k] - original) / from * dt + up * noise[k];
      }
      return out;
    },
  };
}
