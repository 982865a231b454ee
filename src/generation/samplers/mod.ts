/** Samplers by the names that --sampler and --sample_sampler take. */

import { UserError } from "../../base/errors.ts";
import { TIMESTEPS } from "../../models/noise/schedule.ts";
import { ddim } from "./ddim.ts";
import { euler } from "./euler.ts";
import { eulerAncestral } from "./euler_ancestral.ts";
import type { Scheduler, SchedulerOptions } from "./sampler.ts";

export type { DrawNoise, Prediction, Scheduler, SchedulerOptions } from "./sampler.ts";

const SAMPLERS: Record<string, (options: SchedulerOptions) => Scheduler> = {
  ddim,
  euler,
  k_euler: euler,
  euler_a: eulerAncestral,
  k_euler_a: eulerAncestral,
};

/** Names that can be given. */
export const samplerNames: readonly string[] = Object.keys(SAMPLERS);

/** Names that sd-scripts knows and easel does not yet. */
const LATER = [
  "ddpm",
  "pndm",
  "lms",
  "k_lms",
  "heun",
  "dpm_2",
  "k_dpm_2",
  "dpm_2_a",
  "k_dpm_2_a",
  "dpmsolver",
  "dpmsolver++",
  "dpmsingle",
];

/** Why a sampler cannot be used, or null. */
export function samplerProblem(name: string): string | null {
  if (Object.hasOwn(SAMPLERS, name)) return null;
  const known = Object.keys(SAMPLERS).join(", ");
  return LATER.includes(name)
    ? `sampler ${name} is not supported yet; use one of ${known}`
    : `there is no sampler ${name}; the samplers are ${known}`;
}

/** A sampler ready for one run. Throws UserError for names that cannot be used. */
export function createScheduler(name: string, options: SchedulerOptions): Scheduler {
  const problem = samplerProblem(name);
  if (problem) throw new UserError(problem);
  if (!(Number.isInteger(options.steps) && options.steps > 0 && options.steps <= TIMESTEPS)) {
    throw new UserError(`${options.steps} sampling steps; give a whole number from 1 to ${TIMESTEPS}`);
  }
  return SAMPLERS[name](options);
}
