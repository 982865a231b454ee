/**
 * How much of a sampling run's difference is rounding. DDIM with clipping on sd1-tiny doubles a difference with every
 * step: the reference's own float32 run ends 7.6e-4 away from the same run in float64 (PyTorch, this format's
 * train_sample_sd1_tiny_ddim), and PyTorch on another machine 8.8e-4 away from the reference. So where a run leaves
 * its tolerance, what rounding alone does is measured, and each step is compared by itself, which nothing amplifies.
 */

import { denoise } from "../../src/generation/pipeline/denoise.ts";
import type { Pipeline } from "../../src/generation/pipeline/pipeline.ts";
import type { LatentShape } from "../../src/models/mod.ts";
import type { Check, GoldenCase } from "./case.ts";
import { close, relL2 } from "./compare.ts";
import type { Recorder } from "./drawing.ts";
import { toChannelsFirst, toChannelsLast } from "./layout.ts";

/** Half a unit in the last place of float32, about: what no two implementations agree on. */
const NUDGE = 1e-7;

/** For each step, the relative difference between the recorded run and one whose start is nudged. */
export async function roundingGrowth(
  pipeline: Pipeline,
  { start, steps, noises }: Recorder,
  shape: LatentShape,
): Promise<number[]> {
  const { sampler, guidance, first } = start!, growth: number[] = [];
  let drawn = 0;
  await denoise(pipeline, {
    sampler,
    guidance,
    shape,
    latents: first.map((x, i) => x * (1 + (i % 2 ? NUDGE : -NUDGE))),
    start: sampler.timesteps.length - steps.length,
    draw: () => noises[drawn++],
    signal: new AbortController().signal,
    observe: ({ latents }) => growth.push(relL2(latents, steps[growth.length].latents)),
  });
  return growth;
}

/** Every recorded step of the case taken by itself, from the reference's own latents before it. */
export async function singleSteps(
  c: GoldenCase,
  pipeline: Pipeline,
  { start, steps, noises }: Recorder,
  shape: LatentShape,
): Promise<Check[]> {
  const { sampler, guidance } = start!, tensors = c.tensors(), checks: Check[] = [];
  const key = (step: number) => step < 0 ? "first_sample" : `prev_${String(step).padStart(2, "0")}`;
  for (let step = 0; step < steps.length; step++) {
    if (!tensors.has(key(step)) || !tensors.has(key(step - 1))) continue;
    const before = toChannelsLast(tensors.f32(key(step - 1)), tensors.info(key(step - 1)).shape);
    const i = sampler.timesteps.length - steps.length + step, divisor = sampler.inputDivisor(i);
    const input = before.map((x) => x / divisor);
    const prediction = await pipeline.predict(input, sampler.timesteps[i], shape, guidance);
    const after = sampler.step(i, prediction, before, () => noises[step]);
    const wanted = tensors.info(key(step)).shape;
    checks.push(close(`step ${step} alone`, toChannelsFirst(after, wanted), tensors.f32(key(step))));
  }
  return checks;
}

/** The checks of a run with the limits of its latents raised to twice what rounding does, where that is more. */
export function allowRounding(checks: readonly Check[], growth: readonly number[]): Check[] {
  return checks.map((check) => {
    const step = check.what === "final"
      ? growth.length - 1
      : Number(/^prev_(\d+)$/.exec(check.what)?.[1] ?? NaN);
    const limit = Math.max(check.limit, 2 * (growth[step] ?? 0));
    return limit > check.limit
      ? { ...check, limit, note: `rounding alone: ${growth[step].toExponential(1)}` }
      : check;
  });
}
