import assert from "node:assert/strict";
import { adamw, adamwOutcome, compile, Graph, sum } from "../../src/graph/mod.ts";
import { ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { device, testOnEach } from "./devices.ts";

const N = 1000, LR = 1e-2, BETA1 = 0.9, BETA2 = 0.999, EPSILON = 1e-8, DECAY = 0.1, SCALE = 0.5;

testOnEach(
  "adamw() takes five steps like the paper's algorithm, and skips one whose scale is not finite",
  async (backend) => {
    const store = new ParameterStore(device(backend)), g = new Graph();
    const start = normal([N], 1).values as Float32Array;
    store.upload("p", [N], "f32", start);
    store.upload("m", [N], "f32", new Float32Array(N));
    store.upload("v", [N], "f32", new Float32Array(N));
    const [p, m, v] = ["p", "m", "v"].map((name) => g.parameter(name, [N]));
    adamw(p, g.input("grad", [N]), m, v, g.input("hyper", [7]), g.input("scale", [1]));
    const program = await compile(g, store);
    const wanted = Float64Array.from(start), first = new Float64Array(N), second = new Float64Array(N);
    for (let t = 1; t <= 5; t++) {
      const grad = normal([N], t + 1, 0.1).values as Float32Array;
      const bias1 = 1 - BETA1 ** t, bias2 = 1 - BETA2 ** t;
      const hyper = Float32Array.of(LR, BETA1, BETA2, EPSILON, DECAY, bias1, bias2);
      await program.run({ grad, hyper, scale: Float32Array.of(SCALE) });
      for (let k = 0; k < N; k++) {
        const gradient = grad[k] * SCALE;
        wanted[k] -= LR * DECAY * wanted[k];
        first[k] = BETA1 * first[k] + (1 - BETA1) * gradient;
        second[k] = BETA2 * second[k] + (1 - BETA2) * gradient ** 2;
        wanted[k] -= LR * (first[k] / bias1) / (Math.sqrt(second[k] / bias2) + EPSILON);
      }
      assert.ok(relL2(store.download("p"), wanted) < 1e-6);
      const before = ["p", "m", "v"].map((name) => store.download(name));
      for (const scale of [NaN, Infinity]) await program.run({ grad, hyper, scale: Float32Array.of(scale) });
      assert.deepEqual(["p", "m", "v"].map((name) => store.download(name)), before);
    }
    assert.ok(relL2(store.download("m"), first) < 1e-6);
    assert.ok(relL2(store.download("v"), second) < 2e-5); // beta2 itself is rounded to float32
    program.destroy();
  },
);

testOnEach(
  "adamwOutcome() is the square of the weights that adamw() leaves, and writes nothing",
  async (backend) => {
    for (const size of [5, N, 40_000]) { // one part and several
      const store = new ParameterStore(device(backend)), g = new Graph();
      const upload = (name: string, values: Float32Array) => store.upload(name, [size], "f32", values);
      upload("p", normal([size], 1).values as Float32Array);
      upload("m", normal([size], 2).values as Float32Array);
      upload("v", (normal([size], 3).values as Float32Array).map(Math.abs));
      const operands = [
        g.parameter("p", [size]),
        g.input("grad", [size]),
        g.parameter("m", [size]),
        g.parameter("v", [size]),
        g.input("hyper", [7]),
        g.input("scale", [1]),
      ] as const;
      g.output("square", sum(adamwOutcome(...operands)));
      const step = new Graph(); // the same operands in a program of its own
      adamw(
        step.parameter("p", [size]),
        step.input("grad", [size]),
        step.parameter("m", [size]),
        step.parameter("v", [size]),
        step.input("hyper", [7]),
        step.input("scale", [1]),
      );
      const [trial, program] = [await compile(g, store), await compile(step, store)];
      const hyper = (lr: number) => Float32Array.of(lr, BETA1, BETA2, EPSILON, DECAY, 1 - BETA1, 1 - BETA2);
      const grad = normal([size], 4).values as Float32Array;
      const values = () => ["p", "m", "v"].map((name) => store.download(name));
      const squareOf = async (lr: number, scale: number) =>
        (await trial.run({ grad, hyper: hyper(lr), scale: Float32Array.of(scale) })).square[0];
      const square = () => store.download("p").reduce((total, x) => total + x * x, 0);
      const before = values(), still = square();
      const expected = await squareOf(LR, SCALE), skipped = await squareOf(LR, NaN);
      for (const lr of [1e25, 1e38, Infinity, NaN]) {
        assert.ok(
          !Number.isFinite(await squareOf(lr, SCALE)),
          `${lr}`,
        );
      }
      assert.deepEqual(values(), before);
      assert.ok(Math.abs(skipped / still - 1) < 1e-5);
      await program.run({ grad, hyper: hyper(LR), scale: Float32Array.of(SCALE) });
      assert.ok(Math.abs(expected / square() - 1) < 1e-5, `${expected}, ${square()}`);
      for (const each of [trial, program]) each.destroy();
      store.destroy();
    }
  },
);
