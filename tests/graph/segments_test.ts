import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  add,
  checkpoint,
  compileGraph,
  fitSegments,
  gradients,
  Graph,
  linear,
  silu,
  sum,
  type Tensor,
} from "../../src/graph/mod.ts";

const everywhere = () => ({ offset: 0, frozen: false });
const arenaBytes = (graph: Graph, recompute: ReadonlySet<number>) =>
  compileGraph(graph, everywhere, { recompute }).arenaBytes;

/** Twelve segments; those with wide products take more work for what they hold. */
function build(): Graph {
  const g = new Graph();
  const dense = (x: Tensor, name: string, n: number) => linear(x, g.parameter(name, [n, x.shape[1]]));
  let x = dense(g.input("x", [256, 64]), "in", 64);
  for (let i = 0; i < 12; i++) {
    x = checkpoint(g, () => {
      let h = x;
      for (let k = 0; k < 3; k++) h = silu(dense(h, `w${i}.${k}`, i % 3 === 0 ? 256 : 64));
      return add(dense(h, `out${i}`, 64), x);
    });
  }
  gradients(sum(x), [g.parameter("in", [64, 64])]).forEach((dw) => g.output("dw", dw!));
  return g;
}

Deno.test("fitSegments() keeps within the arena, and computes the less again the larger it is", () => {
  const whole = arenaBytes(build(), new Set());
  const all = fitSegments(build, arenaBytes, 0);
  strictEqual(all.segments.size, all.of);
  strictEqual(all.of, 12);
  deepStrictEqual(fitSegments(build, arenaBytes, whole).segments, new Set());

  let before = all;
  const counts = new Set<number>();
  for (let within = Math.ceil(all.arenaBytes); within <= whole; within += (whole - all.arenaBytes) / 40) {
    const now = fitSegments(build, arenaBytes, within);
    ok(now.arenaBytes <= within, `${now.arenaBytes} of ${within}`);
    strictEqual(now.arenaBytes, arenaBytes(build(), now.segments), "what is promised is what is planned");
    ok(now.flop <= before.flop, `${now.flop} after ${before.flop}`);
    ok(
      [...now.segments].every((s) => before.segments.has(s)),
      "a smaller arena has all that a larger one does",
    );
    counts.add(now.segments.size);
    before = now;
  }
  ok(counts.size > 6, "not all or nothing");
});

Deno.test("fitSegments() takes a few trials, not one for each segment", () => {
  const whole = arenaBytes(build(), new Set());
  for (const part of [0.4, 0.6, 0.8]) {
    let trials = 0;
    fitSegments(build, (graph, segments) => (trials++, arenaBytes(graph, segments)), part * whole);
    ok(trials <= 5, `${trials} trials`);
  }
});

Deno.test("a graph without segments or gradients has nothing to compute again", () => {
  const g = () => {
    const g = new Graph();
    g.output("y", silu(g.input("x", [4])));
    return g;
  };
  const { segments, of } = fitSegments(g, arenaBytes, 0);
  deepStrictEqual([segments.size, of], [0, 0]);
});
