/** DPM-Solver++(2S) (arXiv 2211.01095): each second step starts again where the one before it did, as diffusers runs it. */

import { solver, solverLevels, solverStep } from "./dpm_solver.ts";
import { combine, type Sampler, type SamplerOptions } from "../sampler.ts";

export function dpmsingle(options: SamplerOptions): Sampler {
  const levels = solverLevels("dpmsingle", options), { sigmas } = levels;
  let last: Float32Array | undefined, start: Float32Array;
  const sampler = solver(options, "picture", levels, (i, now, latents) => {
    const before = last;
    last = now;
    if (i % 2 === 0 || !before) {
      start = latents;
      return solverStep("picture", { from: sigmas[i], to: sigmas[i + 1] }, latents, now);
    }
    const step = { from: sigmas[i - 1], to: sigmas[i + 1] };
    const ratio = Math.log(step.from / step.to) / Math.log(sigmas[i - 1] / sigmas[i]);
    return solverStep("picture", step, start, before, combine([ratio, now], [-ratio, before]));
  });
  return { ...sampler, imageOffset: 0 };
}
