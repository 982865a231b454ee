/** Prodigy, with the library's slice_p too, and ProdigyPlusScheduleFree against their published formulas (arXiv 2306.06101). */
import assert from "node:assert/strict";
import { device, testOnEach } from "../../kernels/devices.ts";
import { relL2 } from "../../golden/compare.ts";
import { gradient, map, rms, type Step, type Vector, zeros } from "./by_hand.ts";
import { N, recordedRun, u } from "./recorded_steps.ts";

/** Prodigy without a schedule, one group; `factored` where the first side is the longer of two and has 32 or more. */
function prodigyPlus(rows: number, columns: number, decay: number): Step {
  const [beta1, beta2, d0, eps] = [0.9, 0.99, 1e-4, 1e-8], beta3 = Math.sqrt(beta2), size = rows * columns;
  const v = Array(size).fill(0), row = Array(columns).fill(0), col = Array(rows).fill(0);
  const sample = Array.from({ length: Math.ceil(size / 11) }, (_, i) => 11 * i), s = sample.map(() => 0);
  let d = d0, numerator = 0, sum = 0, z: Vector | null = null, p0: Vector = [];
  const roots = (g: Vector): Vector => {
    if (rows < 32) {
      g.forEach((x, i) => v[i] = beta2 * v[i] + (1 - beta2) * d * d * x * x);
      return v.map(Math.sqrt);
    }
    const at = (r: number, c: number) => g[r * columns + c] ** 2;
    row.forEach((x, c) =>
      row[c] = beta2 * x + (1 - beta2) * d * d * col.reduce((t, _, r) => t + at(r, c), 0) / rows
    );
    col.forEach((x, r) =>
      col[r] = beta2 * x + (1 - beta2) * d * d * row.reduce((t, _, c) => t + at(r, c), 0) / columns
    );
    const mean = row.reduce((t, x) => t + x) / columns;
    return map(g, (_, i) => Math.sqrt(row[i % columns] / mean * col[Math.floor(i / columns)]));
  };
  return (y, g, _, lr) => {
    z ??= [...y];
    if (p0.length === 0) p0 = sample.map((i) => y[i]);
    const rate = d * lr, root = roots(g), weight = d * d / Math.sqrt(d0);
    const raw = map(g, (x, i) => x * d / (root[i] + d * eps)), size = Math.sqrt(Math.max(1, rms(raw)));
    let toward = 0, length = 0;
    sample.forEach((at, i) => {
      toward += weight * g[at] * (p0[i] - z![at]);
      s[i] = beta3 * s[i] + weight * g[at];
      length += Math.abs(s[i]);
    });
    sum += rate * rate;
    const share = rate * rate / sum, change = map(raw, (x, i) => x / size + decay * y[i]);
    y.forEach((x, i) => y[i] = x + share * (z![i] - x) - rate * (1 - beta1 * (1 - share)) * change[i]);
    z = map(z, (x, i) => x - rate * change[i]);
    numerator = beta3 * numerator + (d > d0 ? toward : Math.max(toward, 0));
    d = Math.max(d, Math.min(d * 2 ** 0.25, numerator / length));
    return map(y, (x, i) => x + (1 - 1 / beta1) * (z![i] - x));
  };
}

/** Prodigy whose estimate looks at every `every`th number. */
function prodigy(every: number): Step {
  const [beta1, beta2, d0, eps] = [0.9, 0.999, 1e-3, 1e-8], beta3 = Math.sqrt(beta2);
  const sample = Array.from({ length: Math.ceil(N / every) }, (_, i) => every * i), s = sample.map(() => 0);
  const m = zeros(), v = zeros();
  let d = d0, most = d0, numerator = 0, p0: Vector | null = null;
  return (w, g, _, lr) => {
    p0 ??= [...w];
    const rate = d * lr, scale = d / d0 * rate;
    numerator = beta3 * numerator + scale * sample.reduce((sum, i) => sum + g[i] * (p0![i] - w[i]), 0);
    sample.forEach((at, i) => s[i] = beta3 * s[i] + scale * g[at]);
    g.forEach((x, i) => {
      m[i] = beta1 * m[i] + d * (1 - beta1) * x;
      v[i] = beta2 * v[i] + d * d * (1 - beta2) * x * x;
    });
    const estimate = numerator / s.reduce((sum, x) => sum + Math.abs(x), 0);
    if (d === d0) d = Math.max(d, estimate);
    d = most = Math.max(most, estimate);
    w.forEach((x, i) => w[i] = x - rate * m[i] / (Math.sqrt(v[i]) + d * eps));
  };
}

testOnEach(
  "Prodigy makes the published steps, also where it looks at some weights alone",
  async (backend) => {
    const ends: number[] = [];
    for (const every of [1, 5]) {
      using run = recordedRun(device(backend), "Prodigy", [`slice_p=${every}`, "d0=1e-3"], [[3, 4]]);
      const start = Array.from(run.weights()), w = [...start], step = prodigy(every);
      for (let k = 1; k <= 40; k++) {
        await run.update(k, [1]);
        step(w, gradient(k), k, 1);
      }
      const moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
      const error = relL2(moved(run.weights()), moved(w));
      assert.ok(error < 2e-4, `${every}: ${error}`);
      ends.push(run.step.state.numbers.d);
    }
    assert.ok(ends[0] > 2e-3 && ends[0] !== ends[1], "the estimate grows");
  },
);

testOnEach(
  "ProdigyPlusScheduleFree makes the published steps, with squares factored or whole",
  async (backend) => {
    for (
      const [shape, args] of [[[3, 4], ["d0=1e-4", "weight_decay=0.1"]], [[40, 3], ["d0=1e-4"]]] as const
    ) {
      using run = recordedRun(device(backend), "prodigyplus.ProdigyPlusScheduleFree", [...args], [shape]);
      const count = shape[0] * shape[1], start = Array.from(run.weights()), w = [...start];
      const step = prodigyPlus(shape[0], shape[1], args.length > 1 ? 0.1 : 0);
      let saved: Vector = w;
      for (let k = 1; k <= 30; k++) {
        await run.update(k, [1]);
        const g = Array.from({ length: count }, (_, i) => 0.5 * u(2, i) + u(100 + k, i));
        saved = step(w, g, k, 1) ?? w;
      }
      assert.ok(run.step.state.running[0].d > 2e-4, "the estimate grows");
      const moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
      const error = relL2(moved(run.weights()), moved(w)),
        rest = relL2(moved(run.step.settledWeights(0)), moved(saved));
      assert.ok(error < 2e-4 && rest < 2e-4, `${shape}: ${error}, at rest ${rest}`);
    }
  },
);

testOnEach("each group of ProdigyPlusScheduleFree goes as it would alone", async (backend) => {
  using both = recordedRun(device(backend), "ProdigyPlusScheduleFree", null, [4, 8]);
  using alone = recordedRun(device(backend), "ProdigyPlusScheduleFree", null, [4]);
  for (let k = 1; k <= 8; k++) {
    await both.update(k, [1, 0.5]);
    await alone.update(k, [1]);
  }
  assert.deepEqual(both.store.download("w0"), alone.store.download("w0"));
  assert.deepEqual(both.step.state.running[0], alone.step.state.running[0]);
  assert.notEqual(both.step.state.running[1].d, both.step.state.running[0].d);
});
