/** Where image to image begins, by its strength. */

import { UserError } from "../../base/errors.ts";
import { createSampler, type Sampler, type SamplerOptions } from "../samplers/mod.ts";

export interface ImageStart {
  /** For this run alone. */
  readonly sampler: Sampler;
  /** The evaluation whose noise is added to the picture. */
  readonly noisedAt: number;
  /** The first evaluation that is run. */
  readonly first: number;
}

/**
 * The first evaluation is one further on than the noise, as in the reference, where both count the steps_offset of 1 of
 * all samplers but dpmsingle.
 */
export function imageStart(name: string, options: SamplerOptions, strength: number): ImageStart {
  if (!(strength >= 0 && strength <= 1)) throw new UserError(`strength ${strength} is not within 0 and 1`);
  const { steps, compat } = options, sampler = createSampler(name, options);
  const { timesteps, stepStarts, imageOffset: offset = 1 } = sampler;
  const count = Math.max(compat ? 0 : 1, Math.min(Math.floor(steps * strength) + offset, steps));
  if (stepStarts) {
    const evaluation = (step: number) => stepStarts[step] ?? timesteps.length;
    return { sampler, noisedAt: evaluation(steps - count), first: evaluation(steps - count + offset) };
  }
  // sd-scripts finds the noise from the end of the list, of which the last but none is the first, and the start from its front
  const first = steps - count + offset, noisedAt = count === 0 ? 0 : timesteps.length - count;
  return { sampler: compat ? createSampler(name, { ...options, begin: first }) : sampler, noisedAt, first };
}
