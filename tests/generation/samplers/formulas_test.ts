/**
 * Samplers that sd-scripts does not have, against their published formulas in float64: the loops below are k-diffusion's
 * (sample_NAME), UniPC's as its paper gives it, for one element and a model whose answers are known.
 */

import assert from "node:assert/strict";
import { noiseSchedule } from "../../../src/models/noise/schedule.ts";
import { TorchGenerator } from "../../../src/random/mod.ts";
import { denoised, OPTIONS, run, sigmaAt, SIGMAS } from "./known_solution.ts";

type Draw = () => number;
type Loop = (x: number, sigmas: readonly number[], draw: Draw) => number;

const time = (sigma: number) => -Math.log(sigma);

const dpmpp2m: Loop = (x, sigmas) => {
  let old: number | null = null;
  for (let i = 0; i < sigmas.length - 1; i++) {
    const d = denoised(x, sigmas[i]), t = time(sigmas[i]), next = time(sigmas[i + 1]), h = next - t;
    if (old === null || sigmas[i + 1] === 0) x = sigmas[i + 1] / sigmas[i] * x - Math.expm1(-h) * d;
    else {
      const r = (t - time(sigmas[i - 1])) / h;
      const mixed = (1 + 1 / (2 * r)) * d - 1 / (2 * r) * old;
      x = sigmas[i + 1] / sigmas[i] * x - Math.expm1(-h) * mixed;
    }
    old = d;
  }
  return x;
};

const dpmpp2mSde: Loop = (x, sigmas, draw) => {
  let old: number | null = null, hLast = 0;
  for (let i = 0; i < sigmas.length - 1; i++) {
    const d = denoised(x, sigmas[i]);
    if (sigmas[i + 1] === 0) return d;
    const h = time(sigmas[i + 1]) - time(sigmas[i]), eta = h;
    x = sigmas[i + 1] / sigmas[i] * Math.exp(-eta) * x + -Math.expm1(-h - eta) * d;
    if (old !== null) x += 0.5 * -Math.expm1(-h - eta) * (1 / (hLast / h)) * (d - old);
    x += draw() * sigmas[i + 1] * Math.sqrt(-Math.expm1(-2 * eta));
    old = d;
    hLast = h;
  }
  return x;
};

const dpmpp3mSde: Loop = (x, sigmas, draw) => {
  let d1 = NaN, d2 = NaN, h1: number | null = null, h2: number | null = null;
  for (let i = 0; i < sigmas.length - 1; i++) {
    const d = denoised(x, sigmas[i]);
    if (sigmas[i + 1] === 0) return d;
    const h: number = time(sigmas[i + 1]) - time(sigmas[i]), eta = 2 * h;
    x = Math.exp(-eta) * x + -Math.expm1(-eta) * d;
    const phi2 = Math.expm1(-eta) / eta + 1, phi3 = phi2 / eta - 0.5;
    if (h2 !== null) {
      const r0 = h1! / h, r1 = h2 / h, a = (d - d1) / r0, b = (d1 - d2) / r1;
      x += phi2 * (a + (a - b) * r0 / (r0 + r1)) - phi3 * ((a - b) / (r0 + r1));
    } else if (h1 !== null) x += phi2 * ((d - d1) / (h1 / h));
    x += draw() * sigmas[i + 1] * Math.sqrt(-Math.expm1(-2 * h));
    [d1, d2, h1, h2] = [d, d1, h, h1];
  }
  return x;
};

function ancestralStep(from: number, to: number) {
  const up = Math.min(to, Math.sqrt(to ** 2 * (from ** 2 - to ** 2) / from ** 2));
  return { up, down: Math.sqrt(to ** 2 - up ** 2) };
}

const dpmppSde: Loop = (x, sigmas, draw) => {
  for (let i = 0; i < sigmas.length - 1; i++) {
    const from = sigmas[i], to = sigmas[i + 1], d = denoised(x, from);
    if (to === 0) return d;
    const t = time(from), s = Math.exp(-(t + (time(to) - t) / 2));
    // what a Brownian motion over sigma does from `from` to s, and on to `to`
    const first = draw() * Math.sqrt(from - s), both = first + draw() * Math.sqrt(s - to);
    const a = ancestralStep(from, s), b = ancestralStep(from, to);
    let x2 = a.down / from * x - Math.expm1(t - time(a.down)) * d;
    x2 += first / Math.sqrt(from - s) * a.up;
    x = b.down / from * x - Math.expm1(t - time(b.down)) * denoised(x2, s);
    x += both / Math.sqrt(from - to) * b.up;
  }
  return x;
};

/** arXiv 2302.04867 with B(h) = e^h - 1 (in its sign for predicted pictures), the weights from the linear system. */
const uniPc: Loop = (x, sigmas) => {
  const pictures: number[] = [];
  let before = x;
  for (let i = 0; i < sigmas.length - 1; i++) {
    const d = denoised(x, sigmas[i]);
    if (i > 0) {
      const t0 = time(sigmas[i - 1]), h = time(sigmas[i]) - t0, hh = -h, base = Math.expm1(hh);
      let value = sigmas[i] / sigmas[i - 1] * before - base * pictures[i - 1];
      if (i === 1) value -= base * 0.5 * (d - pictures[0]);
      else {
        const r = (time(sigmas[i - 2]) - t0) / h;
        const phi = base / hh - 1, b = [phi / base, (phi / hh - 0.5) * 2 / base];
        // [[1, 1], [r, 1]] rho = b, by Cramer's rule
        const determinant = 1 - r, rho = [(b[0] - b[1]) / determinant, (b[1] - r * b[0]) / determinant];
        value -= base * (rho[0] * (pictures[i - 2] - pictures[i - 1]) / r + rho[1] * (d - pictures[i - 1]));
      }
      x = value;
    }
    pictures.push(d);
    before = x;
    if (sigmas[i + 1] === 0) return d;
    const t0 = time(sigmas[i]), h = time(sigmas[i + 1]) - t0, base = Math.expm1(-h);
    x = sigmas[i + 1] / sigmas[i] * x - base * d;
    if (i > 0) x -= base * 0.5 * (pictures[i - 1] - d) / ((time(sigmas[i - 1]) - t0) / h);
  }
  return x;
};

const LOOPS: Readonly<Record<string, Loop>> = {
  dpmpp_2m: dpmpp2m,
  dpmpp_2m_sde: dpmpp2mSde,
  dpmpp_3m_sde: dpmpp3mSde,
  dpmpp_sde: dpmppSde,
  uni_pc: uniPc,
};

/** arXiv 2206.00364, equation 5. */
function karras(steps: number): number[] {
  const [first, last] = [SIGMAS[SIGMAS.length - 1], SIGMAS[0]].map((s) => s ** (1 / 7));
  return [...Array.from({ length: steps }, (_, i) => (first + (last - first) * i / (steps - 1)) ** 7), 0];
}

Deno.test("each sampler computes its published formula", () => {
  const steps = 9, noises = Array.from(new TorchGenerator(11).randn(40)), start = 0.8;
  for (const [name, loop] of Object.entries(LOOPS)) {
    for (const prediction of ["epsilon", "v_prediction"] as const) {
      let drawn = 0;
      const { sampler, end } = run(
        name,
        { ...OPTIONS, steps, prediction, sigmas: "karras" },
        Float32Array.of(start),
        () => Float32Array.of(noises[drawn++]),
      );
      let used = 0;
      const wanted = loop(start * sampler.initNoiseSigma, karras(steps), () => noises[used++]);
      assert.ok(Math.abs(end[0] - wanted) < 2e-5, `${name} ${prediction}: ${end[0]}, wanted ${wanted}`);
      assert.equal(drawn, used, `${name}: draws`);
    }
  }
});

Deno.test("ddpm computes equations 6 and 7 of its paper over every 100th timestep", () => {
  const noises = Array.from(new TorchGenerator(12).randn(10)), { alphasCumprod } = noiseSchedule();
  let x = 0.8, drawn = 0;
  const { end } = run("ddpm", OPTIONS, Float32Array.of(x), () => Float32Array.of(noises[drawn++]));
  for (let k = 9; k >= 0; k--) {
    const t = 100 * k + 1, now = alphasCumprod[t], next = k > 0 ? alphasCumprod[t - 100] : 1;
    const alpha = now / next, beta = 1 - alpha, picture = denoised(x / Math.sqrt(now), sigmaAt(t));
    const mean = Math.sqrt(next) * beta / (1 - now) * picture + Math.sqrt(alpha) * (1 - next) / (1 - now) * x;
    x = mean + Math.sqrt((1 - next) / (1 - now) * beta) * noises[9 - k];
  }
  assert.ok(Math.abs(end[0] - x) < 1e-5, `${end[0]}, wanted ${x}`);
});

Deno.test("lcm computes algorithm 3 of its paper at every second of the teacher's timesteps", () => {
  const noises = Array.from(new TorchGenerator(13).randn(25)), timesteps = noises.map((_, k) => 999 - 40 * k);
  let x = 0.8 * sigmaAt(999), drawn = 0;
  const { end } = run(
    "lcm",
    { ...OPTIONS, steps: 25 },
    Float32Array.of(0.8),
    () => Float32Array.of(noises[drawn++]),
  );
  timesteps.forEach((t, k) => {
    const sigma = sigmaAt(t), scaled = 10 * t; // the boundary condition's c_skip and c_out, for latents of unit variance
    const skip = 0.25 / (scaled ** 2 + 0.25), out = scaled / Math.sqrt(scaled ** 2 + 0.25);
    x = out * denoised(x, sigma) + skip * x / Math.hypot(1, sigma);
    if (k < 24) x += sigmaAt(timesteps[k + 1]) * noises[k];
  });
  assert.equal(drawn, 24);
  assert.ok(Math.abs(end[0] - x) < 1e-5, `${end[0]}, wanted ${x}`);
});
