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
import recorded from "./pytorch_optimizer.json" with { type: "json" };
import { recordedRun, u } from "./recorded_steps.ts";
import { gradient, map, rms, type Step, type Vector, zeros } from "./by_hand.ts";

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

testOnEach(
  "what pytorch_optimizer's classes take beside their papers makes the library's steps",
  async (backend) => {
    for (const { name, args, shape, after } of recorded.cases) {
      using run = recordedRun(device(backend), readOptimizer(name, args, true), null, [shape]);
      for (let k = 1; k <= 20; k++) await run.update(k, [0.01]);
      const error = run.changeError(after);
      assert.ok(error < 5e-5, `${name} ${args} ${shape}: the change is ${error} off`);
    }
    // without compat AMSBound bounds the second moment, not its root: steps are no longer than without
    using plain = recordedRun(device(backend), "CAME", null, [12]);
    using bound = recordedRun(device(backend), "CAME", ["ams_bound=True"], [12]);
    for (let k = 1; k <= 20; k++) for (const run of [plain, bound]) await run.update(k, [0.01]);
    const difference = relL2(bound.weights(), plain.weights());
    assert.ok(difference > 0 && difference < 0.01, `${difference}`);
  },
);
