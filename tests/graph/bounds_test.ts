/** Bounds hold for whatever values lie within those of the sources, and are close where a formula's parts hide it. */
import { ok, strictEqual } from "node:assert/strict";
import {
  abs,
  add,
  affine,
  between,
  bounded,
  type Bounds,
  boundsOf,
  compile,
  div,
  exactly,
  Graph,
  maximum,
  mean,
  minimum,
  mul,
  reshape,
  select,
  sign,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../src/graph/mod.ts";
import { PythonRandom } from "../../src/random/python.ts";
import { ParameterStore } from "../../src/runtime/mod.ts";
import { lerp } from "../../src/training/optimizers/formulas.ts";
import { device } from "../kernels/devices.ts";

const LANES = 500;

/** A random formula over x, y and z, and the bounds that these are drawn within. */
function randomFormula(seed: number) {
  const random = new PythonRandom(BigInt(seed)), next = (most: number) => Math.floor(random.random() * most);
  const graph = new Graph(), known = new Map<Tensor, Bounds>(), inputs: Record<string, Float32Array> = {};
  for (const name of ["x", "y", "z"]) {
    const size = 10 ** (next(40) - 20), low = [-size, 0, size / 7][next(3)];
    known.set(graph.input(name, [LANES]), between(low, size));
    const values = Float32Array.from({ length: LANES }, () => low + random.random() * (size - low));
    inputs[name] = values.map((v) => Math.min(Math.max(v, Math.fround(low)), Math.fround(size)));
  }
  const pool = [...known.keys()], pick = () => pool[next(pool.length)];
  const made: readonly (() => Tensor)[] = [
    () => add(pick(), pick()),
    () => sub(pick(), pick()),
    () => mul(pick(), pick()),
    () => div(pick(), pick()),
    () => minimum(pick(), pick()),
    () => maximum(pick(), pick()),
    () => affine(pick(), 0.7, -0.1),
    () => sqrt(pick()),
    () => square(pick()),
    () => abs(pick()),
    () => sign(pick()),
    () => select(pick(), pick(), pick()),
    () => lerp(pick(), pick(), graph.constant(Float32Array.of(random.random()), [1])),
    () => {
      const [x, y] = [pick(), pick()];
      return mul(mul(x, y), x);
    },
  ];
  for (let k = 0; k < 12; k++) pool.push(made[next(made.length)]());
  return { graph, known, inputs, values: pool };
}

Deno.test("values of random formulas lie within their bounds", async () => {
  let finite = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { graph, known, inputs, values } = randomFormula(seed);
    const bounds = boundsOf(values, (t) => known.get(t)!);
    values.forEach((t, k) => graph.output(`v${k}`, affine(t, 1, 0)));
    const store = new ParameterStore(device("cpu")), program = await compile(graph, store, { chains: true });
    const out = await program.run(inputs);
    program.destroy();
    bounds.forEach((b, k) => {
      if (bounded(b)) finite++;
      for (const v of out[`v${k}`]) {
        ok(
          Number.isNaN(v) ? b.nan : v >= b.low && v <= b.high,
          `seed ${seed}, value ${k}: ${v} of ${b.low} to ${b.high}`,
        );
      }
    });
  }
  ok(finite > 300, `only ${finite} of 900 bounds are finite`);
});

Deno.test("moving averages and squares are known as what they are", () => {
  const graph = new Graph(),
    source = (name: string) => graph.input(name, [1]),
    [m, g, t] = ["m", "g", "t"].map(source);
  const known = new Map([[m, between(-2, 2)], [g, between(-3, 3)], [t, exactly(0.1)]]);
  const [mean, square, scaled] = boundsOf(
    [lerp(m, g, t), mul(g, g), mul(mul(g, t), g)],
    (t) => known.get(t)!,
  );
  ok(mean.high < 2.11 && mean.low > -2.11);
  strictEqual(square.low, 0);
  strictEqual(scaled.low, 0);
  ok(scaled.high < 0.91);
});

Deno.test("steps that are divided by their root mean square lie within what that leaves, and positive means stay so", async () => {
  const shape = [20, 25], count = 20 * 25;
  for (const [scale, spread] of [[1, 0], [1e-12, 30], [1e12, 3], [1e-25, 1]]) {
    const graph = new Graph(), x = graph.input("x", shape), row = graph.input("row", [20, 1]);
    const constant = (v: number) => graph.constant(Float32Array.of(v), [1]);
    const root = reshape(sqrt(mean(square(x))), [1]);
    const limited = mul(x, div(constant(0.01), maximum(affine(root, 1 / 2, 0), constant(1))));
    const next = lerp(row, mean(affine(square(x), 1, 1e-30), [1]), constant(0.5));
    const values = Float32Array.from(
      { length: count },
      (_, k) => scale * Math.sin(k + 1) * (k === 7 ? 10 ** spread : 1),
    );
    const most = values.reduce((a, v) => Math.max(a, Math.abs(v)), 0);
    const [a, b] = boundsOf(
      [limited, next],
      (t) => t === x ? between(-most, most) : between(0, 1),
    );
    ok(a.high <= 0.01 * (2.01 * Math.sqrt(count)) && a.low === -a.high, `${a.high}`);
    ok(b.low > 4e-31, `${b.low}`);
    graph.output("limited", limited);
    graph.output("next", next);
    const store = new ParameterStore(device("cpu")), program = await compile(graph, store, { chains: true });
    const out = await program.run({ x: values, row: new Float32Array(20) });
    program.destroy();
    store.destroy();
    ok(out.limited.every((v) => Math.abs(v) <= a.high) && out.next.every((v) => v >= b.low && v <= b.high));
  }
  const graph = new Graph(), [x, y] = ["x", "y"].map((name) => graph.input(name, shape));
  const other = mul(
    x,
    div(y, maximum(reshape(sqrt(mean(square(y))), [1]), graph.constant(Float32Array.of(1), [1]))),
  );
  const [bounds] = boundsOf([other], () => between(-1e30, 1e30));
  ok(!bounded(bounds), "of another's root mean square nothing follows");
});
