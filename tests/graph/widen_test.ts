/** Frozen weights of 8 bits: each is cast where it is read, and no wide copy is kept. */

import assert from "node:assert/strict";
import { cast, compileGraph, gradients, Graph, linear, reshape, silu, sum } from "../../src/graph/mod.ts";

const WIDTH = 128, LAYERS = 8, COPY = 2 * WIDTH * WIDTH;

/** Layers of frozen weights around one trained; the arena's bytes, and how many casts there are. */
function plan(dtype: "f8" | "bf16") {
  const graph = new Graph();
  const first = graph.parameter("first", [WIDTH, WIDTH]);
  let x = linear(graph.input("x", [2, WIDTH], "bf16"), cast(first, "bf16"));
  for (let k = 0; k < LAYERS; k++) {
    const flat = cast(graph.parameter(`w${k}`, [WIDTH * WIDTH], dtype), "bf16");
    x = silu(linear(x, reshape(flat, [WIDTH, WIDTH])));
  }
  const loss = sum(cast(x, "f32"));
  graph.output("grad", gradients(loss, [first])[0]!);
  const { arenaBytes, listing } = compileGraph(graph, () => ({ offset: 0, frozen: true }));
  return { arenaBytes, casts: listing.filter((line) => line.startsWith("cast")).length };
}

Deno.test("a frozen weight of 8 bits is cast once for the forward and once for the backward pass, and not kept", () => {
  const wide = plan("bf16"), narrow = plan("f8");
  assert.equal(narrow.casts - wide.casts, 2 * LAYERS);
  const more = narrow.arenaBytes - wide.arenaBytes;
  assert.ok(more <= 2 * COPY, `${more / COPY} wide copies more, of ${LAYERS}`);
});
