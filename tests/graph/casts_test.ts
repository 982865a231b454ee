/** Casts of the members of a flat parameter: one of all of it, where that is worth it, with the same values. */

import assert from "node:assert/strict";
import {
  adamw,
  add,
  cast,
  compile,
  type Graph,
  Graph as Recording,
  linear,
  matmul,
} from "../../src/graph/mod.ts";
import { openDevice, ParameterStore } from "../../src/runtime/mod.ts";

const MEMBERS = [{ name: "a", shape: [3, 8] }, { name: "b", shape: [8, 3] }, { name: "c", shape: [5] }];

function withStore<T>(body: (store: ParameterStore) => Promise<T>): Promise<T> {
  const device = openDevice("cpu", { threads: 1 }), store = new ParameterStore(device);
  store.allocateFlat("flat", MEMBERS);
  store.set("flat", Float32Array.from({ length: 53 }, (_, i) => i / 8 - 3));
  store.upload("alone", [8, 3], "f32", new Float32Array(24).fill(0.5));
  return body(store).finally(() => {
    store.destroy();
    device.close();
  });
}

/** Names of a program's instructions, and what it gives for ones. */
async function run(store: ParameterStore, record: (g: Graph) => void) {
  const g = new Recording();
  record(g);
  const program = await compile(g, store);
  const out = await program.run({ x: new Float32Array(16).fill(1) });
  program.destroy();
  return { ops: program.tables.listing.map((line) => line.split(" ")[0]), out };
}
const x = (g: Graph) => g.input("x", [2, 8], "bf16");

Deno.test("two small members that make up most of their flat parameter are cast with one instruction", () =>
  withStore(async (store) => {
    const { ops, out } = await run(store, (g) => {
      const h = linear(x(g), g.parameter("a", [3, 8])); // (2, 3), its weights cast within
      g.output("y", matmul(h, cast(g.parameter("b", [8, 3]), "bf16"), { transB: true }));
      g.output("b", cast(g.parameter("b", [8, 3]), "bf16"));
    });
    assert.deepEqual(ops, ["cast", "matmul", "matmul"]);
    const b = Array.from({ length: 24 }, (_, i) => (24 + i) / 8 - 3);
    assert.deepEqual([...out.b], b);
    const rows = [0, 1, 2].map((r) =>
      Array.from({ length: 8 }, (_, i) => (8 * r + i) / 8 - 3).reduce((s, v) => s + v)
    );
    const y = Array.from({ length: 8 }, (_, n) => rows.reduce((sum, h, r) => sum + h * b[3 * n + r], 0));
    out.y.forEach((v, i) =>
      assert.ok(Math.abs(v - y[i % 8]) <= 0.01 * Math.abs(y[i % 8]) + 0.1, `${v} ${y[i % 8]}`)
    );
  }));

Deno.test("one member, or little of the flat parameter, is cast by itself", () =>
  withStore(async (store) => {
    const one = await run(store, (g) => g.output("y", linear(x(g), g.parameter("a", [3, 8]))));
    assert.deepEqual(one.ops, ["cast", "matmul"]);
    const g = new Recording();
    store.allocateFlat("long", [{ name: "p", shape: [4] }, { name: "q", shape: [4] }, {
      name: "rest",
      shape: [900],
    }]);
    const [p, q] = ["p", "q"].map((name) => cast(g.parameter(name, [4]), "bf16"));
    g.output("y", add(p, q));
    const program = await compile(g, store);
    assert.equal(program.tables.listing.filter((line) => line.startsWith("cast ")).length, 2);
    program.destroy();
  }));

Deno.test("a flat parameter that the program writes is read member by member", () =>
  withStore(async (store) => {
    for (const name of ["grad", "m", "v"]) store.allocate(name, [53], "f32");
    const g = new Recording();
    const h = linear(x(g), g.parameter("a", [3, 8]));
    g.output("y", matmul(h, cast(g.parameter("b", [8, 3]), "bf16"), { transB: true }));
    const flat = (name: string) => g.parameter(name, [53]);
    adamw(flat("flat"), flat("grad"), flat("m"), flat("v"), g.input("hyper", [7]), g.input("scale", [1]));
    const program = await compile(g, store);
    assert.equal(program.tables.listing.filter((line) => line.startsWith("cast ")).length, 2);
    program.destroy();
  }));
