import assert from "node:assert/strict";
import {
  add,
  affine,
  checkpoint,
  compileGraph,
  gradients,
  Graph,
  groupNorm,
  linear,
  mul,
  reshape,
  silu,
  sum,
  type Tensor,
} from "../../src/graph/mod.ts";
import { elements } from "../../src/graph/graph.ts";
import { liveNodes } from "../../src/graph/passes/dead.ts";
import { recompute } from "../../src/graph/passes/recompute.ts";
import { planMemory } from "../../src/graph/plan.ts";
import { PythonRandom } from "../../src/random/python.ts";

const everywhere = () => ({ offset: 0, frozen: false });

/** A random graph of pointwise ops, reshapes and products over (8, 8) values. */
function randomGraph(seed: number): Graph {
  const random = new PythonRandom(BigInt(seed));
  const g = new Graph();
  const values: Tensor[] = [g.input("a", [8, 8]), g.input("b", [8, 8]), g.parameter("w", [8, 8])];
  const pick = () => values[Math.floor(random.random() * values.length)];
  for (let i = 0; i < 40; i++) {
    const r = random.random();
    values.push(
      r < 0.3
        ? add(pick(), pick())
        : r < 0.5
        ? mul(pick(), pick())
        : r < 0.7
        ? reshape(affine(reshape(pick(), [64]), 2, 1), [8, 8])
        : r < 0.8
        ? reshape(reshape(pick(), [4, 16]), [8, 8])
        : linear(pick(), pick()),
    );
  }
  g.output("y", affine(values[values.length - 1], 1, 1));
  return g;
}

Deno.test("planMemory() never lets two values that are alive at once share a byte, unless one became the other", () => {
  for (let seed = 0; seed < 60; seed++) {
    const g = randomGraph(seed);
    const nodes = liveNodes(g, g.nodes);
    const plan = planMemory(g, nodes);
    // Symbolic run: each place remembers which value wrote it; every read must find the value it asks for.
    const memory = new Map<number, number>();
    const value = (t: Tensor): number => t.node.op?.alias ? value(t.node.inputs[0]) : t.node.id;
    const fill = (t: Tensor) => {
      for (let i = 0; i < elements(t.shape); i++) memory.set(plan.offsets.get(t)! + 4 * i, value(t));
    };
    const check = (t: Tensor) => {
      const offset = plan.offsets.get(t);
      if (offset === undefined) return;
      for (let i = 0; i < elements(t.shape); i++) {
        assert.equal(memory.get(offset + 4 * i), value(t), `seed ${seed}`);
      }
      assert.ok(offset + 4 * elements(t.shape) <= plan.arenaBytes);
    };
    for (const n of nodes) if (n.source?.kind === "input") fill(n.outputs[0]);
    for (const n of nodes) {
      if (!n.op || n.op.alias) continue;
      n.inputs.forEach(check);
      n.outputs.forEach(fill);
    }
    check(g.outputs.get("y")!);
  }
});

Deno.test("recompute() shrinks the arena and keeps what the backward pass reads", () => {
  const build = () => {
    const g = new Graph();
    const layer = (x: Tensor, i: number) => {
      const body = () => {
        let h = x;
        for (let k = 0; k < 4; k++) h = silu(linear(h, g.parameter(`w${i}.${k}`, [64, 64])));
        return add(h, x);
      };
      return checkpoint(g, body);
    };
    let x = g.input("x", [256, 64]);
    for (let i = 0; i < 6; i++) x = layer(x, i);
    gradients(sum(x), [g.parameter("w0.0", [64, 64])]).forEach((dw) => g.output("dw", dw!));
    return g;
  };
  const plain = compileGraph(build(), everywhere);
  const lean = compileGraph(build(), everywhere, { recompute: "all" });
  assert.ok(lean.arenaBytes < 0.6 * plain.arenaBytes, `${lean.arenaBytes} of ${plain.arenaBytes}`);
  assert.ok(lean.instructionCount > plain.instructionCount);
  const g = build();
  const order = recompute(g, liveNodes(g, g.nodes), "all");
  const seen = new Set();
  for (const n of order) {
    for (const t of n.inputs) assert.ok(seen.has(t.node), "every operand is made before it is read");
    seen.add(n);
  }
});

Deno.test("silu(groupNorm(x)) is one instruction and add(linear(x), x) another", () => {
  const g = new Graph();
  const x = g.input("x", [1, 4, 4, 64]);
  const gamma = g.parameter("gamma", [64]), w = g.parameter("w", [64, 64]);
  g.output("y", add(linear(silu(groupNorm(x, gamma, gamma)), w), x));
  const { listing } = compileGraph(g, everywhere);
  assert.deepEqual(listing.map((line) => line.split(" ")[0]), ["groupNorm", "matmul"]);
});

Deno.test("a shape that does not fit is refused where it is recorded", () => {
  const g = new Graph();
  assert.throws(
    () => linear(g.input("x", [2, 3]), g.parameter("w", [4, 5])),
    /linear\(f32\[2, 3\], f32\[4, 5\]\)/,
  );
  assert.throws(() => add(g.input("a", [2, 3]), g.input("b", [3, 2])), TypeError);
});
