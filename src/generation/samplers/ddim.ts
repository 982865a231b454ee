/** DDIM with eta 0 (arXiv 2010.02502), spaced evenly from below. */

import { UserError } from "../../base/errors.ts";
import { noiseSchedule, TIMESTEPS } from "../../models/noise/schedule.ts";
import type { Scheduler, SchedulerOptions } from "./sampler.ts";

export function ddim({ steps, prediction, stepsOffset, clipSample }: SchedulerOptions): Scheduler {
  const { alphasCumprod } = noiseSchedule();
  const stride = Math.floor(TIMESTEPS / steps);
  const timesteps = Float32Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + stepsOffset);
  if (!(timesteps[0] < TIMESTEPS)) {
    throw new UserError(
      `ddim cannot take ${steps} steps of ${TIMESTEPS} timesteps; use ${TIMESTEPS / 2} at most`,
    );
  }
  const root = (x: number) => Math.fround(Math.sqrt(x));

  return {
    timesteps,
    initNoiseSigma: 1,
    inputDivisor: () => 1,
    addNoise(latents, noise, i) {
      const a = alphasCumprod[timesteps[i]], signal = root(a), spread = root(Math.fround(1 - a));
      return latents.map((x, k) => signal * x + spread * noise[k]);
    },
    step(i, output, latents) {
      const previous = timesteps[i] - stride;
      const alpha = alphasCumprod[timesteps[i]], alphaPrevious = previous >= 0 ? alphasCumprod[previous] : 1;
      const signal = root(alpha), noise = root(Math.fround(1 - alpha));
      const signalPrevious = root(alphaPrevious), noisePrevious = root(Math.fround(1 - alphaPrevious));
      const out = new Float32Array(latents.length);
      for (let k = 0; k < out.length; k++) {
        let original: number, epsilon: number;
        if (prediction === "epsilon") {
          epsilon = output[k];
          original = (latents[k] - noise * epsilon) / signal;
        } else {
          original = signal * latents[k] - noise * output[k];
          epsilon = signal * output[k] + noise * latents[k];
        }
        if (clipSample) original = Math.min(1, Math.max(-1, original));
        out[k] = signalPrevious * original + noisePrevious * epsilon;
      }
      return out;
    },
  };
}
