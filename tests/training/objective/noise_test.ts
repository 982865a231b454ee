import assert from "node:assert/strict";
import { toChannelsLast } from "../../../src/base/layout.ts";
import { PythonRandom, TorchGenerator } from "../../../src/random/mod.ts";
import { trainNetworkDefaults } from "../defaults.ts";
import { drawStep, type LatentShape } from "../../../src/training/objective/noise.ts";
import { noiseLevels } from "../../../src/training/objective/noise_levels.ts";

/** What a step draws after torch.manual_seed(3); with ipNoiseGamma 1 the noise of the noisy latents shows. */
function draw(shape: LatentShape, encoded: boolean) {
  const latents = new Float32Array(shape.reduce((a, b) => a * b));
  const generators = { torch: new TorchGenerator(3), python: new PythonRandom(0) };
  const config = { ...trainNetworkDefaults, ipNoiseGamma: 1 }, levels = noiseLevels(false);
  const { noise, noisyLatents, timesteps } = drawStep(
    config,
    levels,
    { latents, shape, encoded },
    generators,
  );
  const each = latents.length / shape[0];
  const extra = noisyLatents.map((x, i) =>
    x / Math.sqrt(1 - levels.alphasCumprod[timesteps[Math.floor(i / each)]]) - noise[i]
  );
  return { noise, timesteps: [...timesteps], extra };
}

function near(found: ArrayLike<number>, wanted: readonly number[]): void {
  wanted.forEach((x, i) => assert.ok(Math.abs(found[i] - x) < 1e-5, `${found[i]} is not ${x}`));
}

// torch.randn_like() of a channels-last (2, 4, 2, 3) tensor, randint, randn_like() again
Deno.test("noise for several freshly encoded pictures lies in the order of memory, channels last", () => {
  const { noise, timesteps, extra } = draw([2, 4, 2, 3], true);
  near(noise, [0.8032760620117188, 0.04618244990706444, -1.435179352760315, -0.8646355867385864]);
  assert.deepEqual(timesteps, [311, 472]);
  near(extra.slice(-4), [-1.3573259115219116, 0.8601400256156921, -0.2756102681159973, -1.49433434009552]);
});

Deno.test("noise for one picture, or for latents of a cache, is drawn channels first", () => {
  const cached = draw([2, 4, 2, 3], false).noise;
  near(cached, [-0.07664429396390915, 0.35988152027130127, -0.7820168137550354]);
  assert.deepEqual(draw([1, 4, 4, 3], true).noise, cached);
  assert.notDeepEqual(toChannelsLast(draw([2, 4, 2, 3], true).noise, 2, 4), cached);
});
