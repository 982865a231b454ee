/** Ancestral sampling with the smaller variance: arXiv 2006.11239, equations 6 and 7, over a part of the timesteps. */

import { TIMESTEPS } from "../../../models/noise/schedule.ts";
import { evenlyFromBelow } from "./evenly_from_below.ts";
import { combine, type Sampler, type SamplerOptions, scheduleOf } from "../sampler.ts";
import { noisedBy, pictureIn, sharesOf } from "./variance_preserving.ts";

export function ddpm(options: SamplerOptions): Sampler {
  const { steps, prediction } = options, { alphasCumprod } = scheduleOf(options);
  const timesteps = evenlyFromBelow("ddpm", options), stride = Math.floor(TIMESTEPS / steps);
  return {
    timesteps,
    initNoiseSigma: 1,
    inputDivisor: () => 1,
    addNoise: (latents, noise, i) => noisedBy(sharesOf(alphasCumprod[timesteps[i]]), latents, noise),
    step(i, output, latents, draw) {
      const previous = timesteps[i] - stride, now = alphasCumprod[timesteps[i]];
      const next = previous >= 0 ? alphasCumprod[previous] : 1;
      const alpha = now / next, beta = 1 - alpha;
      const picture = pictureIn(latents, output, sharesOf(now), prediction);
      const spread = Math.sqrt(beta * (1 - next) / (1 - now));
      return combine(
        [Math.sqrt(next) * beta / (1 - now), picture],
        [Math.sqrt(alpha) * (1 - next) / (1 - now), latents],
        [spread, draw()],
      );
    },
  };
}
