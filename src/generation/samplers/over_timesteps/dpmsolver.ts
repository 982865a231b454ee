/** DPM-Solver-2M (arXiv 2206.00927) and DPM-Solver++(2M) (arXiv 2211.01095), midpoint, as diffusers 0.25 runs them. */

import { type Integrand, solver, solverLevels, solverStep } from "./dpm_solver.ts";
import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";

export const dpmsolver = (options: SamplerOptions) => multistep("dpmsolver", "noise", options);
export const dpmsolverpp = (options: SamplerOptions) => multistep("dpmsolver++", "picture", options);

/** Runs of fewer steps end with a step of first order. */
const FEW = 15;

function multistep(name: string, integrand: Integrand, options: SamplerOptions): Sampler {
  const levels = solverLevels(name, options), { sigmas } = levels, { steps } = options;
  let last: Float32Array | undefined;
  return solver(options, integrand, levels, (i, now, latents) => {
    const before = steps < FEW && i === steps - 1 ? undefined : last;
    last = now;
    const step = { from: sigmas[i], to: sigmas[i + 1] };
    if (!before) return solverStep(integrand, step, latents, now);
    const ratio = Math.log(step.from / step.to) / Math.log(sigmas[i - 1] / sigmas[i]);
    return solverStep(integrand, step, latents, now, combine([ratio, now], [-ratio, before]));
  });
}
