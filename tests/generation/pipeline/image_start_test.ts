import assert from "node:assert/strict";
import { imageStart } from "../../../src/generation/pipeline/image_start.ts";
import type { SamplerOptions } from "../../../src/generation/samplers/mod.ts";

/** Image to image of three numbers by a model that answers 0.6 x + 0.0002 t; every draw is of halves. */
function run(name: string, steps: number, strength: number, compat: boolean): number[] {
  const options: SamplerOptions = { steps, compat, prediction: "epsilon", stepsOffset: 1, clipSample: false };
  const { sampler, noisedAt, first } = imageStart(name, options, strength);
  let latents = sampler.addNoise(Float32Array.of(-1, 0.25, 2), Float32Array.of(0.5, -1.5, 1), noisedAt);
  for (let i = first; i < sampler.timesteps.length; i++) {
    const divisor = sampler.inputDivisor(i);
    const answer = latents.map((x) => 0.6 * x / divisor + 0.0002 * sampler.timesteps[i]);
    latents = sampler.step(i, answer, latents, () => Float32Array.of(0.5, 0.5, 0.5));
  }
  return [...latents];
}

/** What gen_img.py's loop makes of it with the schedulers of diffusers 0.25.0. */
const REFERENCE: readonly [name: string, steps: number, strength: number, latents: readonly number[]][] = [
  ["euler", 6, 0.7, [0.48512, -3.05302, 2.68139]],
  ["euler", 6, 0.1, [-0.98542, 0.20625, 2.02917]],
  ["lms", 6, 0.7, [0.43866, -2.76636, 2.42815]],
  ["lms", 7, 0.6, [0.11685, -1.80153, 1.98191]],
  ["pndm", 6, 0.7, [-0.70024, -2.00636, 3.21939]],
  ["pndm", 7, 0.6, [-0.64075, -1.98521, 3.13669]],
  ["pndm", 6, 0.1, [-1.51399, 0.13911, 2.76354]],
  ["dpmsingle", 6, 0.7, [0.05875, -1.53358, 1.60683]],
  ["dpmsingle", 7, 0.6, [-0.0801, -1.28378, 1.60847]],
  ["dpmsingle", 6, 0.1, [0.43057, -1.47943, 1.1342]],
  ["heun", 6, 0.7, [-0.26908, -0.52713, 0.59003]],
  ["heun", 7, 0.6, [NaN, NaN, NaN]],
  ["heun", 6, 0.1, [-0.578, 0.08745, 1.10539]],
  ["dpm_2", 6, 0.7, [-0.27305, -0.53641, 0.60374]],
  ["dpm_2", 7, 0.6, [-0.53382, -1.14854, 2.93236]],
  ["dpm_2", 6, 0.1, [-0.5711, 0.09982, 1.12614]],
  ["dpm_2_a", 6, 0.7, [0.61999, 0.52977, 0.92039]],
  ["dpm_2_a", 7, 0.6, [NaN, NaN, NaN]],
  ["dpm_2_a", 6, 0.1, [-0.27658, 0.29496, 1.16926]],
];

Deno.test("image to image under --compat begins where sd-scripts does, and ends at its numbers", () => {
  for (const [name, steps, strength, latents] of REFERENCE) {
    const found = run(name, steps, strength, true);
    found.forEach((x, k) => {
      const close = Number.isNaN(latents[k]) ? Number.isNaN(x) : Math.abs(x - latents[k]) < 2e-5;
      assert.ok(close, `${name} ${steps} ${strength}: ${found} for ${latents}`);
    });
  }
});

Deno.test("samplers of two evaluations begin image to image with a whole step, after the noise of the one before", () => {
  const options: SamplerOptions = { steps: 7, prediction: "epsilon", stepsOffset: 1, clipSample: false };
  for (const name of ["heun", "dpm_2", "dpm_2_a", "dpmpp_sde"]) {
    for (const compat of name === "dpmpp_sde" ? [false, true] : [false]) {
      const { noisedAt, first } = imageStart(name, { ...options, compat }, 0.6);
      assert.deepEqual([noisedAt, first], [4, 6], name);
    }
  }
});

Deno.test("dpmsingle begins image to image with the noise that its first step expects", () => {
  const { noisedAt, first } = imageStart("dpmsingle", {
    ...{ steps: 7, prediction: "epsilon", stepsOffset: 1, clipSample: false },
  }, 0.6);
  assert.deepEqual([noisedAt, first], [3, 3]);
});
