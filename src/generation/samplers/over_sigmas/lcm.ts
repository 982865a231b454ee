/**
 * Multistep sampling of a latent consistency model (arXiv 2310.04378, algorithm 3): the predicted picture, noised again for
 * the next step. Timesteps are those of diffusers' LCMScheduler, which models are distilled for.
 */

import { UserError } from "../../../base/errors.ts";
import { noiseSigmas, TIMESTEPS } from "../../../models/noise/schedule.ts";
import { combine, type Sampler, type SamplerOptions, scheduleOf } from "../sampler.ts";
import { overSigmas, sigmaSteps } from "./sigmas.ts";

/** Steps of the teacher, and what timesteps and data are scaled by in the boundary condition. */
const TEACHER_STEPS = 50, TIME_SCALE = 10, DATA = 0.5;

export function lcm(options: SamplerOptions): Sampler {
  const levels = options.sigmas ? sigmaSteps(options) : taught(options), { sigmas, timesteps } = levels;
  return overSigmas(options, levels, (i, denoised, latents, draw) => {
    const time = timesteps[i] * TIME_SCALE, length = Math.hypot(time, DATA);
    const signal = 1 / Math.hypot(1, sigmas[i]); // latents as the model sees them
    const picture = combine([time / length, denoised], [(DATA / length) ** 2 * signal, latents]);
    return sigmas[i + 1] === 0 ? picture : combine([1, picture], [sigmas[i + 1], draw()]);
  });
}

function taught(options: SamplerOptions): { timesteps: Float32Array; sigmas: Float32Array } {
  const { steps } = options, known = noiseSigmas(scheduleOf(options)), stride = TIMESTEPS / TEACHER_STEPS;
  if (steps > TEACHER_STEPS) {
    throw new UserError(`lcm takes ${TEACHER_STEPS} steps at most, ${steps} are asked for; 4 to 8 are usual`);
  }
  const timesteps = Float32Array.from(
    { length: steps },
    (_, i) => TIMESTEPS - 1 - stride * Math.floor(i * TEACHER_STEPS / steps),
  );
  return { timesteps, sigmas: Float32Array.of(...timesteps.map((t) => known[t]), 0) };
}
