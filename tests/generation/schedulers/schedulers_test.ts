import assert from "node:assert/strict";
import { UserError } from "../../../src/base/errors.ts";
import { createScheduler, type SchedulerOptions } from "../../../src/generation/samplers/mod.ts";
import { noiseSchedule } from "../../../src/models/noise/schedule.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";

const options: SchedulerOptions = { steps: 10, prediction: "epsilon", stepsOffset: 1, clipSample: false };

Deno.test("a sampler that is told the true noise ends at the picture", () => {
  const generator = new TorchGenerator(3);
  const picture = generator.randn(256), noise = generator.randn(256);
  for (const name of ["ddim", "euler", "euler_a"]) {
    for (const prediction of ["epsilon", "v_prediction"] as const) {
      const scheduler = createScheduler(name, { ...options, prediction });
      let latents = scheduler.addNoise(picture, noise, 0);
      for (let i = 0; i < scheduler.timesteps.length; i++) {
        const divisor = scheduler.inputDivisor(i);
        const scaled = latents.map((x) => x / divisor);
        const shares = name === "ddim" ? ddimShares(scheduler.timesteps[i]) : sigmaShares(divisor);
        // The noise that would explain these latents: what a perfect model answers.
        const answer = scaled.map((x, k) => {
          const epsilon = (x - shares.signal * picture[k]) / shares.spread;
          return prediction === "epsilon" ? epsilon : shares.signal * epsilon - shares.spread * picture[k];
        });
        latents = scheduler.step(i, answer, latents, () => generator.randn(256));
      }
      const worst = Math.max(...latents.map((x, k) => Math.abs(x - picture[k])));
      assert.ok(worst < (name === "ddim" ? 1e-2 : 1e-4), `${name} ${prediction}: ${worst}`);
    }
  }
});

/** Shares of picture and noise in latents of unit variance. */
function sigmaShares(divisor: number) {
  return { signal: 1 / divisor, spread: Math.sqrt(1 - 1 / divisor ** 2) };
}

function ddimShares(timestep: number) {
  const a = noiseSchedule().alphasCumprod[timestep];
  return { signal: Math.sqrt(a), spread: Math.sqrt(1 - a) };
}

Deno.test("euler and euler_a draw noise once a step, ddim never", () => {
  for (const [name, draws] of [["ddim", 0], ["euler", 10], ["k_euler_a", 10]] as const) {
    const scheduler = createScheduler(name, options);
    let count = 0;
    const draw = () => (count++, new Float32Array(4));
    scheduler.timesteps.forEach((_, i) => scheduler.step(i, new Float32Array(4), new Float32Array(4), draw));
    assert.equal(count, draws, name);
  }
});

Deno.test("samplers that are not there are named", () => {
  assert.throws(() => createScheduler("heun", options), /heun is not supported yet/);
  assert.throws(() => createScheduler("eular", options), UserError);
  assert.throws(() => createScheduler("ddim", { ...options, steps: 1000 }), /1000 steps/);
  assert.throws(() => createScheduler("euler", { ...options, steps: 0 }), UserError);
});
