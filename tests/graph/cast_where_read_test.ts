/** Weights that are computed with in another dtype: each is cast where it is read, and no copy is kept. */

import assert from "node:assert/strict";
import {
  accumulate,
  cast,
  compileGraph,
  conv2d,
  gradients,
  Graph,
  linear,
  reshape,
  silu,
  sum,
} from "../../src/graph/mod.ts";

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

const CHANNELS = 192, WEIGHT = 9 * CHANNELS * CHANNELS;

/** Convolutions that are all trained, their gradients gathered: the program's arena and its instructions. */
function trained() {
  const graph = new Graph(), shape = [CHANNELS, CHANNELS, 3, 3], names = ["a", "b", "c", "d", "e", "f"];
  const weights = names.map((name) => graph.parameter(name, shape));
  let x = graph.input("x", [1, 2, 2, CHANNELS], "bf16");
  for (const w of weights) x = silu(conv2d(x, w, undefined, { pad: [1, 1, 1, 1] }));
  const loss = sum(cast(x, "f32"));
  gradients(loss, weights).forEach((dw, i) => accumulate(graph.parameter(`grad/${names[i]}`, shape), dw!));
  graph.output("loss", loss);
  return compileGraph(graph, () => ({ offset: 0, frozen: false }));
}

Deno.test("of trained weights neither copies nor gradients are kept until a program's end", () => {
  const { arenaBytes, listing } = trained();
  const casts = listing.filter((line) => line.startsWith(`cast bf16[${CHANNELS}`)).length;
  assert.equal(casts, 6 + 5); // the first layer's input wants no gradient
  assert.ok(arenaBytes < 7 * WEIGHT, `${arenaBytes / WEIGHT} bytes a weight of one layer`); // of 16 bits, then of 32
});
