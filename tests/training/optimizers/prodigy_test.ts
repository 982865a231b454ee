/** Prodigy, with the library's slice_p too, against its published formula (arXiv 2306.06101); ProdigyPlusScheduleFree against
 * recorded numbers of the library. */
import assert from "node:assert/strict";
import { device, testOnEach } from "../../kernels/devices.ts";
import { relL2 } from "../../golden/compare.ts";
import { gradient, type Step, type Vector, zeros } from "./by_hand.ts";
import recorded from "./prodigy_plus.json" with { type: "json" };
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { N, numbers, recordedRun, u } from "./recorded_steps.ts";

const gradients = (k: number, count: number) =>
  Array.from({ length: count }, (_, i) => 0.5 * u(2, i) + u(100 + k, i));

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

interface Recorded {
  readonly args: readonly string[];
  /** Of one group each. */
  readonly shapes?: readonly number[][];
  readonly shape?: readonly number[];
  readonly d: number;
  readonly after: readonly number[];
  readonly settled?: readonly number[];
}

testOnEach("ProdigyPlusScheduleFree makes the library's steps with every argument", async (backend) => {
  for (const { args, shape = [], shapes = [shape], d, after, settled } of recorded.cases as Recorded[]) {
    const optimizer = readOptimizer("ProdigyPlusScheduleFree", args, true);
    using run = recordedRun(device(backend), optimizer, null, shapes);
    for (let k = 1; k <= 20; k++) await run.update(k, shapes.map(() => 1));
    const start = numbers((i) => u(1, i), after.length);
    const moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
    const rest = settled && shapes.flatMap((_, i) => [...run.step.settledWeights(i)]);
    const errors = [run.changeError(after), rest ? relL2(moved(rest), moved(settled)) : 0];
    assert.ok(errors.every((error) => error < 2e-4), `${args} ${shapes}: ${errors}`);
    const own = run.step.state.running[0].d;
    assert.ok(Math.abs(own - d) < 1e-4 * d, `${args}: d ${own}`);
  }
});

testOnEach(
  "without compat squares are means of rows too where the first side is the longer",
  async (backend) => {
    const { args, shape = [], after } = (recorded.cases as Recorded[]).find(({ shape }) =>
      shape?.[0] === 40
    )!;
    using run = recordedRun(device(backend), "prodigyplus.ProdigyPlusScheduleFree", args, [shape]);
    await run.update(1, [1]);
    // at the first step the rows' means are one factor of the root, and of the step's inverse
    const [rows, columns] = shape,
      start = numbers((i) => u(1, i), after.length),
      g = gradients(1, after.length);
    const meanOf = (of: (i: number) => boolean) => {
      const some = g.filter((_, i) => of(i));
      return some.reduce((sum, x) => sum + x * x, 0) / some.length;
    };
    const all = meanOf(() => true);
    const wanted = g.map((x, i) =>
      x / Math.sqrt(
        meanOf((j) => j % columns === i % columns) / all *
          meanOf((j) => Math.floor(j / columns) === Math.floor(i / columns)),
      )
    );
    const made = start.map((s, i) => s - run.weights()[i]),
      length = (x: ArrayLike<number>) => Math.hypot(...Array.from(x));
    const scale = length(wanted) / length(made);
    assert.equal(rows, 40);
    assert.ok(relL2(made.map((x) => x * scale), wanted) < 2e-3);
  },
);

testOnEach("each group of ProdigyPlusScheduleFree goes as it would alone", async (backend) => {
  using both = recordedRun(device(backend), "ProdigyPlusScheduleFree", ["d_limiter=False"], [4, 8]);
  using alone = recordedRun(device(backend), "ProdigyPlusScheduleFree", ["d_limiter=False"], [4]);
  for (let k = 1; k <= 8; k++) {
    await both.update(k, [1, 0.5]);
    await alone.update(k, [1]);
  }
  assert.deepEqual(both.store.download("w0"), alone.store.download("w0"));
  assert.deepEqual(both.step.state.running[0], alone.step.state.running[0]);
  assert.notEqual(both.step.state.running[1].d, both.step.state.running[0].d);
});
