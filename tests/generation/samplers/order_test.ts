/** How fast samplers come near the known solution of known_solution.ts. */

import assert from "node:assert/strict";
import type { SamplerOptions } from "../../../src/generation/samplers/mod.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { denoised, MEAN, OPTIONS, run, SIGMAS, SPREAD } from "./known_solution.ts";

const LEAST = SIGMAS[0], MOST = SIGMAS[SIGMAS.length - 1];
const STARTS = Float32Array.of(-1.3, 0.4, 1.1, 2);

/** The largest difference to the solution, whose last step is the model's prediction at the least noise. */
function error(name: string, options: SamplerOptions): number {
  const { end } = run(name, options, STARTS);
  return Math.max(...end.map((x, k) => {
    const left = Math.sqrt((SPREAD ** 2 + LEAST ** 2) / (SPREAD ** 2 + MOST ** 2));
    return Math.abs(x - denoised(MEAN + (STARTS[k] * MOST - MEAN) * left, LEAST));
  }));
}

Deno.test("halving the steps of a sampler of order p makes the error smaller by 2^p", () => {
  for (const prediction of ["epsilon", "v_prediction"] as const) {
    for (
      const [name, order] of [["euler", 1], ["heun", 2], ["dpm_2", 2], ["dpmpp_2m", 2], [
        "uni_pc",
        3,
      ]] as const
    ) {
      const of = (steps: number) => error(name, { ...OPTIONS, prediction, steps, sigmas: "karras" });
      const found = Math.log2(of(20) / of(40));
      assert.ok(found > order - 0.1 && found < order + 0.4, `${name} ${prediction}: order ${found}`);
    }
  }
});

Deno.test("pndm and lms are nearer with 20 steps than euler with 80, for models of either kind", () => {
  for (const prediction of ["epsilon", "v_prediction"] as const) {
    const euler = error("euler", { ...OPTIONS, prediction, steps: 80 });
    for (const name of ["pndm", "lms"]) {
      assert.ok(error(name, { ...OPTIONS, prediction, steps: 20 }) < euler, `${name} ${prediction}`);
    }
  }
});

Deno.test("samplers that draw noise end with pictures that are distributed as the model's", () => {
  const size = 4000;
  const cases = [["euler_a", 60], ["dpm_2_a", 60], ["dpmpp_sde", 40], ["dpmpp_2m_sde", 60], [
    "dpmpp_3m_sde",
    60,
  ]] as const;
  for (const [name, steps] of [...cases, ["ddpm", 250] as const]) {
    const generator = new TorchGenerator(5), sigmas = name === "ddpm" ? null : "karras";
    const { end } = run(
      name,
      { ...OPTIONS, steps, sigmas },
      generator.randn(size),
      () => generator.randn(size),
    );
    const mean = end.reduce((sum, x) => sum + x, 0) / size;
    const spread = Math.sqrt(end.reduce((sum, x) => sum + (x - mean) ** 2, 0) / size);
    assert.ok(Math.abs(mean - MEAN) < 0.03, `${name}: mean ${mean}`);
    assert.ok(Math.abs(spread - SPREAD) < 0.04, `${name}: spread ${spread}`);
  }
});
