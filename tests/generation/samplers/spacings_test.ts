import assert from "node:assert/strict";
import {
  betaQuantile,
  spacingNames,
  SPACINGS,
} from "../../../src/generation/samplers/over_sigmas/spacings.ts";
import { SIGMAS } from "./known_solution.ts";

Deno.test("all spacings begin with the most noise and go down", () => {
  for (const name of spacingNames) {
    for (const steps of [1, 2, 20, 400]) {
      const sigmas = SPACINGS[name].space(steps, SIGMAS);
      assert.ok(sigmas.length === steps || name === "beta", `${name} ${steps}: ${sigmas.length}`);
      assert.ok(Math.abs(sigmas[0] / SIGMAS[999] - 1) < 1e-5, `${name} ${steps}: begins with ${sigmas[0]}`);
      assert.ok(
        sigmas.every((s, i) => s > 0 && (i === 0 || s < sigmas[i - 1])),
        `${name} ${steps}: goes down`,
      );
    }
  }
});

Deno.test("karras, exponential, sgm_uniform and simple are where their authors put them", () => {
  const [most, least] = [SIGMAS[999], SIGMAS[0]];
  const middle = {
    karras: ((most ** (1 / 7) + least ** (1 / 7)) / 2) ** 7,
    exponential: Math.sqrt(most * least),
  };
  for (const [name, wanted] of Object.entries(middle)) {
    const found = SPACINGS[name as "karras"].space(3, SIGMAS)[1];
    assert.ok(Math.abs(found / wanted - 1) < 1e-6, `${name}: ${found}, wanted ${wanted}`);
  }
  assert.deepEqual(SPACINGS.simple.space(4, SIGMAS), [999, 749, 499, 249].map((t) => SIGMAS[t]));
  assert.deepEqual(
    SPACINGS.sgm_uniform.space(3, SIGMAS).map((s) => s.toFixed(4)),
    [999, 666, 333].map((t) => SIGMAS[t].toFixed(4)),
  );
});

Deno.test("betaQuantile() inverts the Beta(0.6, 0.6) distribution", () => {
  // mpmath: betainc(0.6, 0.6, 0, x, regularized=True) = p
  for (const [p, wanted] of QUANTILES) {
    assert.ok(
      Math.abs(betaQuantile(p, 0.6) - wanted) < 1e-6,
      `${p}: ${betaQuantile(p, 0.6)}, wanted ${wanted}`,
    );
  }
});

const QUANTILES = [
  [0, 0],
  [0.02, 0.0027329820],
  [0.1, 0.0395844056],
  [0.25, 0.1756803787],
  [0.4, 0.3627009908],
  [0.7, 0.7659829961],
  [0.95, 0.9874455431],
  [1, 1],
] as const;
