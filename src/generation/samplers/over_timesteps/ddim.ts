/** DDIM with eta 0 (arXiv 2010.02502), spaced evenly from below. */

import { TIMESTEPS } from "../../../models/noise/schedule.ts";
import { evenlyFromBelow } from "./evenly_from_below.ts";
import { combine, heldWithinOne, type Sampler, type SamplerOptions, scheduleOf } from "../sampler.ts";
import { noisedBy, noiseIn, pictureIn, sharesOf } from "./variance_preserving.ts";

export function ddim(options: SamplerOptions): Sampler {
  const { steps, prediction, clipSample } = options, { alphasCumprod } = scheduleOf(options);
  const timesteps = evenlyFromBelow("ddim", options), stride = Math.floor(TIMESTEPS / steps);
  return {
    timesteps,
    initNoiseSigma: 1,
    inputDivisor: () => 1,
    addNoise: (latents, noise, i) => noisedBy(sharesOf(alphasCumprod[timesteps[i]]), latents, noise),
    step(i, output, latents) {
      const previous = timesteps[i] - stride;
      const now = sharesOf(alphasCumprod[timesteps[i]]);
      const next = sharesOf(previous >= 0 ? alphasCumprod[previous] : 1);
      const seen = pictureIn(latents, output, now, prediction);
      const picture = clipSample ? heldWithinOne(seen) : seen;
      return combine([next.signal, picture], [next.noise, noiseIn(latents, output, now, prediction)]);
    },
  };
}
