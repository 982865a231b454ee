/** "Leading" timesteps: multiples of the stride, from the largest down, moved by the steps_offset. */

import { UserError } from "../../../base/errors.ts";
import { TIMESTEPS } from "../../../models/noise/schedule.ts";
import type { SamplerOptions } from "../sampler.ts";

/** Throws UserError where the largest would lie beyond the schedule. */
export function evenlyFromBelow(
  sampler: string,
  { steps, stepsOffset }: Pick<SamplerOptions, "steps" | "stepsOffset">,
): Float32Array {
  const stride = Math.floor(TIMESTEPS / steps);
  const timesteps = Float32Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride + stepsOffset);
  if (timesteps[0] < TIMESTEPS) return timesteps;
  throw new UserError(
    `${sampler} cannot take ${steps} steps of ${TIMESTEPS} timesteps; use ${TIMESTEPS / 2} at most`,
  );
}
