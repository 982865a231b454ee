/**
 * PNDM (arXiv 2202.09778): three pseudo Runge-Kutta steps of four evaluations, then pseudo linear multistep, as diffusers'
 * PNDMScheduler with its warm-up. A run that begins later (image to image) takes multistep of the order it has outputs
 * for.
 *
 * diffusers combines answers as they are and turns v into noise afterwards, as if all were of one moment, which leaves of
 * its order only the first; so it is here under `compat`, else each answer is turned into noise where it was given. A run
 * that begins late counts from its first evaluation there, and so makes Runge-Kutta steps of the first timesteps' sizes.
 */

import { UserError } from "../../../base/errors.ts";
import { TIMESTEPS } from "../../../models/noise/schedule.ts";
import { evenlyFromBelow } from "./evenly_from_below.ts";
import { combine, type Sampler, type SamplerOptions, scheduleOf } from "../sampler.ts";
import { noisedBy, noiseIn, sharesOf } from "./variance_preserving.ts";

/** Runge-Kutta steps, and the evaluations they take. */
const WARM = 3, WARM_EVALUATIONS = 12;

/** Adams-Bashforth by how many outputs there are, the newest first. */
const MULTISTEP = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];

const RUNGE_KUTTA = [1 / 6, 1 / 3, 1 / 3, 1 / 6];

export function pndm(options: SamplerOptions): Sampler {
  const { steps, prediction, compat, begin = 0 } = options, { alphasCumprod } = scheduleOf(options);
  if (steps <= WARM) {
    throw new UserError(`pndm begins with ${WARM} Runge-Kutta steps; give it ${WARM + 1} steps at least`);
  }
  const whole = evenlyFromBelow("pndm", options);
  const stride = Math.floor(TIMESTEPS / steps), half = Math.floor(stride / 2);
  const warm = Array.from({ length: WARM }, (_, k) => {
    const next = whole[k + 1];
    return [whole[k], next + half, next + half, next];
  });
  const timesteps = Float32Array.of(...warm.flat(), ...whole.subarray(WARM));
  const stepStarts = compat
    ? undefined
    : Array.from(whole, (_, k) => k < WARM ? 4 * k : WARM_EVALUATIONS + k - WARM);

  let outputs: Float32Array[] = []; // the newest first
  let before: Float32Array, sum: Float32Array;

  /** Equation 9: from `from` to `to` with the noise that `output` says. */
  const transfer = (latents: Float32Array, output: Float32Array, from: number, to: number) => {
    const now = alphasCumprod[from], next = alphasCumprod[Math.max(to, 0)];
    const epsilon = compat ? noiseIn(latents, output, sharesOf(now), prediction) : output;
    const divisor = now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next);
    return combine([Math.sqrt(next / now), latents], [-(next - now) / divisor, epsilon]);
  };
  return {
    timesteps,
    stepStarts,
    initNoiseSigma: 1,
    inputDivisor: () => 1,
    addNoise: (latents, noise, i) => noisedBy(sharesOf(alphasCumprod[timesteps[i]]), latents, noise),
    step(i, answer, latents) {
      const now = sharesOf(alphasCumprod[timesteps[i]]);
      const output = compat ? answer : noiseIn(latents, answer, now, prediction);
      const count = i - begin;
      if (count >= WARM_EVALUATIONS) {
        outputs = [output, ...outputs].slice(0, 4);
        const weights = MULTISTEP[outputs.length - 1];
        const mean = combine(...outputs.map((values, k) => [weights[k], values] as const));
        return transfer(latents, mean, timesteps[i], timesteps[i] - stride);
      }
      const part = count % 4, start = count - part, to = part % 2 ? timesteps[i] : timesteps[i] - half;
      if (part === 0) {
        outputs = [output, ...outputs];
        before = latents;
        sum = combine([RUNGE_KUTTA[0], output]);
        return transfer(before, output, timesteps[start], to);
      }
      sum = combine([1, sum], [RUNGE_KUTTA[part], output]);
      return transfer(before, part === 3 ? sum : output, timesteps[start], to);
    },
  };
}
