/**
 * Optimizers that sd-scripts takes from other libraries, against their published formulas in float64: schedulefree
 * (arXiv 2405.15682), and of pytorch_optimizer CAME (arXiv 2307.02047), ADOPT (arXiv 2411.02853), StableAdamW
 * (arXiv 2304.13013) and Tiger.
 */
import assert from "node:assert/strict";
import { byteSize } from "../../../src/base/dtype.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { readOptimizer } from "../../../src/training/optimizers/mod.ts";
import { sizeOfArray, stateArrays } from "../../../src/training/step/states.ts";
import { TrainingStep } from "../../../src/training/step/step.ts";
import { allocateGroups, gradientOf } from "../../../src/training/step/trainable.ts";
import { device, testOnEach } from "../../kernels/devices.ts";
import { relL2 } from "../../golden/compare.ts";
import { N, recordedRun, u } from "./recorded_steps.ts";

type Vector = number[];
const map = (a: Vector, of: (x: number, i: number) => number): Vector => a.map(of);
const zeros = (): Vector => Array(N).fill(0);
const gradient = (k: number): Vector => Array.from({ length: N }, (_, i) => 0.5 * u(2, i) + u(100 + k, i));
const rms = (a: Vector) => Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length);

/** One step: the weights that are trained, changed in place; gives those that are saved where they are others. */
type Step = (w: Vector, g: Vector, step: number, lr: number) => Vector | void;

/** y, z and x of one schedule-free run; `direction` from gradient and step, `rate` of a step. */
function scheduleFree(
  beta: number,
  rate: (lr: number, step: number) => number,
  direction: (g: Vector, step: number) => Vector,
  decay: number,
): Step {
  let z: Vector | null = null, highest = -1, sum = 0;
  return (y, g, step, lr) => {
    z ??= [...y];
    const r = rate(lr, step), scaled = map(direction(g, step), (d, i) => d + decay * y[i]);
    highest = Math.max(highest, r);
    sum += highest ** 2;
    const share = sum === 0 ? 0 : highest ** 2 / sum;
    const x = map(y, (v, i) => v + (z![i] - v) * (1 - 1 / beta));
    z = map(z, (v, i) => v - r * scaled[i]);
    // x is the average of all z, and y lies between the two
    const next = map(x, (v, i) => (1 - share) * v + share * z![i]);
    next.forEach((v, i) => y[i] = beta * v + (1 - beta) * z![i]);
    return next;
  };
}

function squares(beta2: number) {
  const v = zeros();
  return (g: Vector) => (g.forEach((x, i) => v[i] = beta2 * v[i] + (1 - beta2) * x * x), v);
}

function adamDirection(beta2: number, eps: number) {
  const of = squares(beta2);
  return (g: Vector, step: number) => {
    const v = of(g);
    return map(g, (x, i) => x / (Math.sqrt(v[i] / (1 - beta2 ** step)) + eps));
  };
}

/** RAdam's rectification; null while the average is too short. */
function rectified(beta2: number, step: number): number | null {
  const most = 2 / (1 - beta2) - 1, rho = most - 2 * step * beta2 ** step / (1 - beta2 ** step);
  return rho > 4 ? Math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) : null;
}

const ROWS = 3, COLUMNS = 4;
const rowMeans = (a: Vector) =>
  Array.from(
    { length: ROWS },
    (_, r) => a.slice(r * COLUMNS, (r + 1) * COLUMNS).reduce((s, x) => s + x) / COLUMNS,
  );
const columnMeans = (a: Vector) =>
  Array.from(
    { length: COLUMNS },
    (_, c) => a.filter((_, i) => i % COLUMNS === c).reduce((s, x) => s + x) / ROWS,
  );

/** 1 / sqrt of what averages of rows and columns stand for. */
function factored(beta: number) {
  const rows = Array(ROWS).fill(0), columns = Array(COLUMNS).fill(0);
  return (a: Vector): Vector => {
    rowMeans(a).forEach((x, r) => rows[r] = beta * rows[r] + (1 - beta) * x);
    columnMeans(a).forEach((x, c) => columns[c] = beta * columns[c] + (1 - beta) * x);
    const mean = rows.reduce((s, x) => s + x) / ROWS;
    return map(a, (_, i) => 1 / Math.sqrt(rows[Math.floor(i / COLUMNS)] / mean * columns[i % COLUMNS]));
  };
}

function came([beta1, beta2, beta3]: number[], decay: number): Step {
  const second = factored(beta2), trust = factored(beta3), m = zeros();
  return (w, g, _, lr) => {
    const inverse = second(map(g, (x) => x * x + 1e-30)), raw = map(g, (x, i) => x * inverse[i]);
    const update = map(raw, (x) => x / Math.max(1, rms(raw)));
    update.forEach((x, i) => m[i] = beta1 * m[i] + (1 - beta1) * x);
    const certain = trust(map(update, (x, i) => (x - m[i]) ** 2 + 1e-16));
    w.forEach((x, i) => w[i] = x * (1 - lr * decay) - lr * m[i] * certain[i]);
  };
}

function adopt([beta1, beta2]: number[], decay: number): Step {
  const m = zeros(), v = zeros();
  return (w, g, step, lr) => {
    const decayed = map(g, (x, i) => x + decay * w[i]), clip = step ** 0.25;
    if (step > 1) {
      decayed.forEach((x, i) => {
        const scaled = Math.max(-clip, Math.min(clip, x / Math.max(Math.sqrt(v[i]), 1e-6)));
        m[i] = beta1 * m[i] + (1 - beta1) * scaled;
        w[i] -= lr * m[i];
      });
    }
    decayed.forEach((x, i) => v[i] = step === 1 ? x * x : beta2 * v[i] + (1 - beta2) * x * x);
  };
}

function stableAdamw([beta1, beta2]: number[], decay: number): Step {
  const m = zeros(), v = zeros();
  const corrected = (beta: number, t: number) => beta * (1 - beta ** (t - 1)) / (1 - beta ** t);
  return (w, g, step, lr) => {
    const [b1, b2] = [corrected(beta1, step), corrected(beta2, step)];
    g.forEach((x, i) => [m[i], v[i]] = [b1 * m[i] + (1 - b1) * x, b2 * v[i] + (1 - b2) * x * x]);
    const rate = lr / Math.max(1, rms(map(g, (x, i) => x / Math.sqrt(Math.max(v[i], 1e-16)))));
    w.forEach((x, i) => w[i] = x * (1 - rate * decay) - rate * m[i] / (Math.sqrt(v[i]) + 1e-8));
  };
}

function tiger(beta: number, decay: number): Step {
  const m = zeros();
  return (w, g, _, lr) =>
    g.forEach((x, i) => {
      m[i] = beta * m[i] + (1 - beta) * x;
      w[i] = w[i] * (1 - lr * decay) - lr * Math.sign(m[i]);
    });
}

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

const warm = (steps: number) => (lr: number, step: number) => lr * Math.min(1, step / steps);
const CASES: [string, string[], () => Step][] = [
  ["AdamWScheduleFree", [], () => scheduleFree(0.9, warm(1), adamDirection(0.999, 1e-8), 0)],
  [
    "schedulefree.AdamWScheduleFree",
    ["betas=0.95,0.98", "weight_decay=0.1", "warmup_steps=4", "eps=1e-6"],
    () => scheduleFree(0.95, warm(4), adamDirection(0.98, 1e-6), 0.1),
  ],
  [
    "SGDScheduleFree",
    ["weight_decay=0.05", "warmup_steps=2"],
    () => scheduleFree(0.9, warm(2), (g) => g, 0.05),
  ],
  [
    "radamschedulefree",
    ["betas=0.9,0.9"],
    () => {
      const adam = adamDirection(0.9, 1e-8);
      return scheduleFree(
        0.9,
        (lr, step) => lr * (rectified(0.9, step) ?? 0),
        (g, step) => {
          const scaled = adam(g, step);
          return rectified(0.9, step) === null ? g : scaled;
        },
        0,
      );
    },
  ],
  ["CAME", ["weight_decay=0.1"], () => came([0.9, 0.999, 0.9999], 0.1)],
  ["pytorch_optimizer.ADOPT", ["betas=0.9,0.99", "weight_decay=0.01"], () => adopt([0.9, 0.99], 0.01)],
  ["StableAdamW", ["weight_decay=0.1"], () => stableAdamw([0.9, 0.99], 0.1)],
  ["Tiger", [], () => tiger(0.965, 0.01)],
];

testOnEach("optimizers of other libraries make the steps of their published formulas", async (backend) => {
  for (const [name, args, reference] of CASES) {
    using run = recordedRun(device(backend), name, args, [[ROWS, COLUMNS]]);
    const start = Array.from(run.weights()), w = [...start], step = reference();
    let saved: Vector = w;
    for (let k = 1; k <= 12; k++) {
      await run.update(k, [0.01]);
      saved = step(w, gradient(k), k, 0.01) ?? w;
    }
    const moved = (x: ArrayLike<number>) => start.map((s, i) => x[i] - s);
    assert.ok(rms(moved(w)) > 1e-3, name);
    const error = relL2(moved(run.weights()), moved(w));
    assert.ok(error < 2e-5, `${name} ${args}: ${error}`);
    const atRest = relL2(moved(run.step.settledWeights(0)), moved(saved));
    assert.ok(atRest < 2e-5, `${name} ${args}: what is saved differs by ${atRest}`);
  }
});

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

Deno.test("a schedule-free run is drawn and saved with its average, and goes on from its own weights", async () => {
  using run = recordedRun(device("cpu"), "AdamWScheduleFree", null);
  assert.deepEqual(run.step.settledWeights(0), run.weights(), "before the first step there is no average");
  for (const k of [1, 2, 3]) await run.update(k, [0.1]);
  const trained = run.weights(), settled = run.step.settledWeights(0);
  assert.ok(relL2(trained, settled) > 1e-3);
  await run.step.whileSettled(() => Promise.resolve(assert.deepEqual(run.weights(), settled)));
  assert.deepEqual(run.weights(), trained);
  await assert.rejects(run.step.whileSettled(() => Promise.reject(new Error("no room"))), /no room/);
  assert.deepEqual(run.weights(), trained);
});

testOnEach("states of 8 bits take a quarter of the memory and stay near those of 32", async (backend) => {
  const size = 5000, path: Float32Array[] = [];
  for (const args of [["min_8bit_size=6000"], null]) {
    const store = new ParameterStore(device(backend));
    const groups = [{ name: "all", learningRate: 0.01, parameters: [{ name: "w", shape: [50, size / 50] }] }];
    allocateGroups(store, groups);
    store.set("w", Float32Array.from({ length: size }, (_, i) => u(1, i)));
    const step = new TrainingStep(store, {
      ...{ groups, optimizer: readOptimizer("AdamW8bit", args), maxGradNorm: 1 },
      ...{ gradientAccumulationSteps: 1, scaleLoss: false },
      record: () => {
        throw new Error("only update is run");
      },
    });
    const states = stateArrays(step.options.optimizer, groups[0], 0);
    const bytes = states.reduce((sum, array) => sum + sizeOfArray(array) * byteSize(array.dtype), 0);
    assert.equal(bytes, args ? 8 * size : 2 * size + 2 * 4 * Math.ceil(size / 256));
    for (let k = 0; k < 5; k++) {
      store.set(gradientOf("w"), Float32Array.from({ length: size }, (_, i) => u(2, i) + u(10 + k, i)));
      await step.update([0.01]);
    }
    path.push(store.download("w"));
    step.destroy();
    store.destroy();
  }
  const moved = (w: Float32Array) => w.map((x, i) => x - u(1, i));
  const apart = relL2(moved(path[1]), moved(path[0]));
  assert.ok(apart > 1e-6 && apart < 0.03, `${apart}`);
});
