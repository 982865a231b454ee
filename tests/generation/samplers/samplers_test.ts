import assert from "node:assert/strict";
import { UserError } from "../../../src/base/errors.ts";
import { createSampler, samplerNames, type SamplerOptions } from "../../../src/generation/samplers/mod.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { OPTIONS, sigmaAt } from "./known_solution.ts";

const COUNT = 64;

/** The answer of a perfect model: the noise, or v, that would explain these latents of `picture`. */
function perfect(seen: Float32Array, picture: Float32Array, sigma: number, { prediction }: SamplerOptions) {
  const signal = 1 / Math.hypot(1, sigma), spread = sigma * signal;
  return seen.map((x, k) => {
    const epsilon = (x - signal * picture[k]) / spread;
    return prediction === "epsilon" ? epsilon : signal * epsilon - spread * picture[k];
  });
}

/** Where those end that leave the least trained noise in: as far from the picture as that noise is strong. */
const NOISY: Readonly<Record<string, number>> = {
  ddim: 0.01,
  pndm: 0.15,
  dpmsolver: 0.15,
  "dpmsolver++": 0.15,
  dpmsingle: 0.15,
};

Deno.test("a sampler that is told the true noise ends at the picture, from the start and from the middle", () => {
  const generator = new TorchGenerator(3);
  const picture = generator.randn(COUNT), noise = generator.randn(COUNT);
  for (const name of samplerNames) {
    for (const prediction of ["epsilon", "v_prediction"] as const) {
      for (const step of [0, 4]) {
        const options = { ...OPTIONS, prediction }, sampler = createSampler(name, options);
        const first = sampler.stepStarts?.[step] ?? step;
        let latents = sampler.addNoise(picture, noise, first);
        for (let i = first; i < sampler.timesteps.length; i++) {
          const divisor = sampler.inputDivisor(i),
            sigma = divisor === 1 ? sigmaAt(sampler.timesteps[i]) : Math.sqrt(divisor ** 2 - 1);
          const seen = latents.map((x) => x / divisor), answer = perfect(seen, picture, sigma, options);
          latents = sampler.step(i, answer, latents, () => generator.randn(COUNT));
        }
        const worst = Math.max(...latents.map((x, k) => Math.abs(x - picture[k])));
        assert.ok(worst < (NOISY[name] ?? 2e-4), `${name} ${prediction} from ${step}: ${worst}`);
      }
    }
  }
});

Deno.test("euler and euler_a draw noise once a step, dpm_2_a at each evaluation, ddim never", () => {
  for (const [name, draws] of [["ddim", 0], ["euler", 10], ["k_euler_a", 10], ["dpm_2_a", 19]] as const) {
    const sampler = createSampler(name, OPTIONS);
    let count = 0;
    const draw = () => (count++, new Float32Array(4));
    sampler.timesteps.forEach((_, i) => sampler.step(i, new Float32Array(4), new Float32Array(4), draw));
    assert.equal(count, draws, name);
  }
});

Deno.test("with a zero terminal SNR every sampler still gives numbers", () => {
  const generator = new TorchGenerator(4),
    options = { ...OPTIONS, prediction: "v_prediction", zeroTerminalSnr: true } as const;
  for (const name of samplerNames) {
    const sampler = createSampler(name, options);
    let latents: Float32Array = generator.randn(COUNT).map((x) => x * sampler.initNoiseSigma);
    for (let i = 0; i < sampler.timesteps.length; i++) {
      latents = sampler.step(i, new Float32Array(COUNT), latents, () => generator.randn(COUNT));
    }
    assert.ok(latents.every(Number.isFinite), name);
  }
});

Deno.test("names, steps and spacings that cannot be are refused in a line", () => {
  const refused = (name: string, more: Partial<SamplerOptions>, text: RegExp) =>
    assert.throws(() => createSampler(name, { ...OPTIONS, ...more }), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, text);
      return true;
    });
  refused("eular", {}, /there is no sampler eular; the samplers are ddim, /);
  refused("ddim", { steps: 1000 }, /1000 steps of 1000 timesteps; use 500/);
  refused("euler", { steps: 0 }, /0 sampling steps/);
  refused("pndm", { steps: 3 }, /4 steps at least/);
  refused("dpmsolver", { steps: 1000 }, /use 999 at most/);
  refused("lcm", { steps: 51 }, /50 steps at most/);
  refused("ddim", { sigmas: "karras" }, /timesteps of its own, --sigmas karras is for lms, euler/);
});

/** diffusers 0.25's HeunDiscreteScheduler with clip_sample: three latents after each evaluation. */
const CLIPPED_HEUN = {
  epsilon: [
    [3.1003646850585938, 0.5578181743621826, -0.7999063730239868],
    [3.100362777709961, 0.5578172206878662, -0.8649016618728638],
    [1.0379197597503662, 0.9920169115066528, -0.997560977935791],
    [1.0379173755645752, 0.9920163154602051, -0.9975602626800537],
    [1.0, 1.0, -1.0],
  ],
  v_prediction: [
    [1.4951667785644531, 0.010880470275878906, -0.03139275312423706],
    [3.012125015258789, -0.02107524871826172, -0.05066889524459839],
    [-0.028063058853149414, 0.39465972781181335, -0.11488982290029526],
    [0.5650210380554199, 0.5899618268013, -0.18319672346115112],
    [0.5278052687644958, 0.6057871580123901, -0.18712270259857178],
  ],
} as const;

Deno.test("heun holds what is predicted in [-1, 1] where clipSample says so", () => {
  for (const prediction of ["epsilon", "v_prediction"] as const) {
    const sampler = createSampler("heun", { ...OPTIONS, steps: 3, prediction, clipSample: true });
    let latents: Float32Array = Float32Array.of(20, -3, 0.5);
    for (let i = 0; i < sampler.timesteps.length; i++) {
      const answer = Float32Array.of(0.9, -0.4, 0.1).map((x) => x * (1 + 0.1 * i));
      latents = sampler.step(i, answer, latents, () => new Float32Array(3));
      const wanted = CLIPPED_HEUN[prediction][i];
      const worst = Math.max(...latents.map((x, k) => Math.abs(x - wanted[k])));
      assert.ok(worst < 2e-5, `${prediction}, evaluation ${i}: ${[...latents]}`);
    }
  }
});
