/** The sampling loop: from noise (or a noised picture) to latents, one U-Net run for each evaluation of the sampler. */

import { Interrupted } from "../../base/errors.ts";
import type { Growing } from "../techniques/gradual_latent.ts";
import type { PullRun } from "../techniques/guidance/pulls.ts";
import type { ControlRun } from "../techniques/control/step.ts";
import type { LatentShape } from "../../models/mod.ts";
import type { Guidance, Pipeline } from "./pipeline.ts";
import type { Sampler } from "../samplers/mod.ts";

export interface Denoising {
  readonly sampler: Sampler;
  readonly shape: LatentShape;
  readonly guidance: Guidance;
  /** (N, h, w, C), with the noise that evaluation `start` expects. */
  readonly latents: Float32Array;
  /** The evaluation to begin with: 0, later for image to image. */
  readonly start: number;
  /** Standard normal noise of a size. */
  readonly draw: (shape: LatentShape) => Float32Array;
  /** Gradual Latent: the sizes to come; `shape` is the first. */
  readonly growing?: Growing;
  /** ControlNet and LLLite: what they change in each evaluation. */
  readonly control?: ControlRun;
  /** Guidance by CLIP and VGG16: changes answers or latents. */
  readonly pull?: PullRun;
  /** Inpainting models: what they are shown at a size, (N, h, w, 1 + C). */
  readonly painted?: (shape: LatentShape) => Promise<Float32Array>;
  /** Inpainting: changes the latents of a size after evaluation i. */
  readonly mend?: (i: number, latents: Float32Array, shape: LatentShape) => Float32Array;
  readonly signal: AbortSignal;
  /** Called after each evaluation. */
  readonly observe?: (step: DenoisingStep) => void;
}

export interface DenoisingStep {
  /** Evaluations made in this run, and how many it will make. */
  readonly done: number;
  readonly total: number;
  readonly timestep: number;
  /** The guided answer, and the latents that the sampler made of it. */
  readonly prediction: Float32Array;
  readonly latents: Float32Array;
}

/** Runs the sampler from `start` to its end. Throws Interrupted between two steps when told to stop. */
export async function denoise(
  pipeline: Pipeline,
  run: Denoising,
): Promise<{ latents: Float32Array; shape: LatentShape }> {
  const { sampler, start, growing, mend, signal } = run;
  const total = sampler.timesteps.length - start;
  let { latents, shape } = run;
  for (let done = 0; done < total; done++) {
    if (signal.aborted) throw new Interrupted("interrupted while drawing");
    const i = start + done, divisor = sampler.inputDivisor(i), timestep = sampler.timesteps[i];
    const input = divisor === 1 ? latents : latents.map((x) => x / divisor);
    const controlled = run.control?.at(done, total, shape) ?? null;
    const guidance = run.painted ? { ...run.guidance, painted: await run.painted(shape) } : run.guidance;
    let prediction = await pipeline.predict(input, timestep, shape, guidance, controlled);
    if (run.pull) {
      ({ latents, prediction } = await run.pull.apply({ sampler, i, shape, guidance, latents, prediction }));
    }
    const larger = growing?.next(timestep) ?? null, drawn = larger ?? shape;
    const growth = larger ? growing!.growth(shape, larger) : undefined;
    latents = sampler.step(i, prediction, latents, () => run.draw(drawn), growth);
    shape = drawn;
    run.observe?.({ done: done + 1, total, timestep, prediction, latents });
    if (mend) latents = mend(i, latents, shape);
  }
  return { latents, shape };
}
