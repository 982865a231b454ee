/** Samplers by the names that --sampler and --sample_sampler take. */

import { UserError } from "../../base/errors.ts";
import { TIMESTEPS } from "../../models/noise/schedule.ts";
import { ddim } from "./over_timesteps/ddim.ts";
import { ddpm } from "./over_timesteps/ddpm.ts";
import { dpm2 } from "./over_sigmas/dpm_2.ts";
import { dpm2Ancestral } from "./over_sigmas/dpm_2_ancestral.ts";
import { dpmpp2m } from "./over_sigmas/dpmpp_2m.ts";
import { dpmpp2mSde } from "./over_sigmas/dpmpp_2m_sde.ts";
import { dpmpp3mSde } from "./over_sigmas/dpmpp_3m_sde.ts";
import { dpmppSde } from "./over_sigmas/dpmpp_sde.ts";
import { dpmsingle } from "./over_timesteps/dpmsingle.ts";
import { dpmsolver, dpmsolverpp } from "./over_timesteps/dpmsolver.ts";
import { euler } from "./over_sigmas/euler.ts";
import { eulerAncestral } from "./over_sigmas/euler_ancestral.ts";
import { heun } from "./over_sigmas/heun.ts";
import { lcm } from "./over_sigmas/lcm.ts";
import { lms } from "./over_sigmas/lms.ts";
import { pndm } from "./over_timesteps/pndm.ts";
import type { Sampler, SamplerOptions } from "./sampler.ts";
import { uniPc } from "./over_sigmas/uni_pc.ts";

export type { DrawNoise, Growth, Prediction, Sampler, SamplerOptions } from "./sampler.ts";
export { type SigmaSpacing, spacingNames, webUiSpacing } from "./over_sigmas/spacings.ts";

interface Row {
  readonly create: (options: SamplerOptions) => Sampler;
  /** What the AUTOMATIC1111 web UI calls it. */
  readonly webUi: string;
  /** Other names it is known by. */
  readonly aliases?: readonly string[];
  /** It has timesteps of its own, which --sigmas cannot change. */
  readonly ownTimesteps?: true;
  /** Gradual Latent is possible with it. */
  readonly grows?: true;
  /** sd-scripts does not have it. */
  readonly own?: true;
}

const SAMPLERS: Readonly<Record<string, Row>> = {
  ddim: { create: ddim, webUi: "DDIM", ownTimesteps: true },
  pndm: { create: pndm, webUi: "PLMS", ownTimesteps: true },
  lms: { create: lms, webUi: "LMS", aliases: ["k_lms"] },
  euler: { create: euler, webUi: "Euler", aliases: ["k_euler"] },
  euler_a: { create: eulerAncestral, webUi: "Euler a", aliases: ["k_euler_a"], grows: true },
  heun: { create: heun, webUi: "Heun" },
  dpm_2: { create: dpm2, webUi: "DPM2", aliases: ["k_dpm_2"] },
  dpm_2_a: { create: dpm2Ancestral, webUi: "DPM2 a", aliases: ["k_dpm_2_a"] },
  dpmsolver: { create: dpmsolver, webUi: "DPM-Solver", ownTimesteps: true },
  "dpmsolver++": { create: dpmsolverpp, webUi: "DPM++ 2M", ownTimesteps: true },
  dpmsingle: { create: dpmsingle, webUi: "DPM++ 2S", ownTimesteps: true },
  dpmpp_2m: { create: dpmpp2m, webUi: "DPM++ 2M", own: true },
  dpmpp_2m_sde: { create: dpmpp2mSde, webUi: "DPM++ 2M SDE", own: true },
  dpmpp_3m_sde: { create: dpmpp3mSde, webUi: "DPM++ 3M SDE", own: true },
  dpmpp_sde: { create: dpmppSde, webUi: "DPM++ SDE", own: true },
  uni_pc: { create: uniPc, webUi: "UniPC", own: true },
  lcm: { create: lcm, webUi: "LCM", own: true },
  ddpm: { create: ddpm, webUi: "DDPM", ownTimesteps: true, own: true },
};

const BY_NAME = new Map(
  Object.entries(SAMPLERS).flatMap(([name, row]) =>
    [name, ...row.aliases ?? []].map((n) => [n, row] as const)
  ),
);

/** Names that can be given. */
export const samplerNames: readonly string[] = [...BY_NAME.keys()];

/** Why a sampler cannot be used, or null. */
export function samplerProblem(name: string): string | null {
  return BY_NAME.has(name)
    ? null
    : `there is no sampler ${name}; the samplers are ${Object.keys(SAMPLERS).join(", ")}`;
}

/** What other programs call it; a name that is not known stays as it is. */
export function webUiName(name: string): string {
  return BY_NAME.get(name)?.webUi ?? name;
}

/** Whether its steps can make latents larger (Gradual Latent). */
export function samplerGrows(name: string): boolean {
  return BY_NAME.get(name)?.grows ?? false;
}

/** A sampler ready for one run. Throws UserError for names and numbers of steps that cannot be used. */
export function createSampler(name: string, options: SamplerOptions): Sampler {
  const problem = samplerProblem(name);
  if (problem) throw new UserError(problem);
  const { steps, sigmas } = options, row = BY_NAME.get(name)!;
  if (!(Number.isInteger(steps) && steps > 0 && steps <= TIMESTEPS)) {
    throw new UserError(`${steps} sampling steps; give a whole number from 1 to ${TIMESTEPS}`);
  }
  if (sigmas && row.ownTimesteps) {
    const others = Object.keys(SAMPLERS).filter((other) => !SAMPLERS[other].ownTimesteps).join(", ");
    throw new UserError(`sampler ${name} has timesteps of its own, --sigmas ${sigmas} is for ${others}`);
  }
  return row.create(row.own ? { ...options, compat: false, begin: 0 } : options);
}
