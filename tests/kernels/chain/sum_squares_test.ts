/** Sums of squares that are never in memory (graph/passes/squares.ts). */
import assert from "node:assert/strict";
import { affine, compile, Graph, mul, square, sum, type Tensor } from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { device, testOnEach } from "../devices.ts";
import { create, opcode } from "../executor/records.ts";

const count = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);
const values = (n: number, seed: number) => normal([n], seed).values as Float32Array;

async function run(backend: "cpu" | "cuda", build: (g: Graph) => void, inputs: Record<string, Float32Array>) {
  const store = new ParameterStore(device(backend)), g = new Graph();
  build(g);
  const program = await compile(g, store, { chains: true });
  const out = await program.run(inputs), { listing } = program.tables;
  program.destroy();
  store.destroy();
  return { out, names: listing.map((line) => line.split(" ")[0]) };
}

/** Few rows and many, columns, long rows of more parts, and axes with others between. */
const CASES: [readonly number[], readonly number[]][] = [
  [[50, 30, 3, 3], [3]],
  [[50, 30, 3, 3], [2]],
  [[70, 130], [1]],
  [[70, 130], [0]],
  [[70, 1300], [0]],
  [[2, 50_000], [1]],
  [[3000, 5], [0]],
  [[6, 7, 8], [0, 2]],
];
testOnEach("sums of squares read what is squared", async (backend) => {
  for (const [shape, axes] of CASES) {
    const what = `${shape.join("x")} over ${axes}`, x = values(count(shape), 3);
    const scaled = await run(backend, (g) => {
      const y = mul(g.input("x", [...shape]), g.input("scale", [1]));
      g.output("y", sum(affine(square(y), 1, 0.25), axes));
    }, { x, scale: Float32Array.of(-1.5) });
    assert.deepEqual(scaled.names, ["sum"], what);
    const plain = await run(backend, (g) => {
      g.output("y", sum(square(g.input("x", [...shape])), axes));
    }, { x });
    assert.deepEqual(plain.names, ["sum"], what);
    const wanted = await run(backend, (g) => g.output("y", sum(g.input("x", [...shape]), axes)), {
      x: x.map((v) => (-1.5 * v) ** 2 + 0.25),
    });
    assert.ok(relL2(scaled.out.y, wanted.out.y) < 1e-6, what);
    const summed = count(axes.map((axis) => shape[axis]));
    assert.ok(relL2(plain.out.y.map((v) => 2.25 * v + 0.25 * summed), wanted.out.y) < 1e-6, what);
  }
});

testOnEach("squares that something else reads are kept", async (backend) => {
  const shape = [9, 300], x = values(count(shape), 4);
  const builds: ((y: Tensor) => Tensor)[] = [
    (y) => mul(sum(y, [1]), y),
    (y) => mul(sum(y, [1]), affine(y, 2, 0)),
  ];
  for (const build of builds) {
    const { out } = await run(backend, (g) => g.output("y", build(square(g.input("x", shape)))), { x });
    const wanted = await run(backend, (g) => g.output("y", build(g.input("x", shape))), {
      x: x.map((v) => v * v),
    });
    assert.ok(relL2(out.y, wanted.out.y) < 1e-6);
  }
});

testOnEach("squares of a product with more axes than the values are kept", async (backend) => {
  const x = values(6, 5);
  const { out } = await run(backend, (g) => {
    g.output("y", sum(square(mul(g.input("x", [3, 2]), g.input("scale", [1, 1, 1]))), [2]));
  }, { x, scale: Float32Array.of(2) });
  assert.ok(relL2(out.y, Float32Array.from([0, 2, 4], (k) => 4 * (x[k] ** 2 + x[k + 1] ** 2))) < 1e-6);
});

testOnEach("sums of no elements are 0", async (backend) => {
  for (const shape of [[4, 0], [4, 0, 3]]) {
    const { out } = await run(backend, (g) => g.output("y", sum(g.input("x", shape), [1])), {
      x: new Float32Array(0),
    });
    assert.deepEqual(out.y, new Float32Array(4 * (shape[2] ?? 1)));
  }
});

testOnEach("a sum of no squares has no scale", async (backend) => {
  const tensors = [{ dims: [4, 1] }, { dims: [4, 2], offset: 64 }, { dims: [1], offset: 128 }];
  const made = create(backend, tensors, [{ opcode: opcode("sum"), operands: [0, 1, 2], attrs: [2, 0, 0] }]);
  await assert.rejects(made, /only squares are scaled/);
});
