/** Weights that are computed with in another dtype: each is cast where it is read, and no copy is kept. */

import assert from "node:assert/strict";
import {
  accumulate,
  add,
  cast,
  compileGraph,
  conv2d,
  gradients,
  Graph,
  linear,
  matmul,
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

/** A layer of frozen weights and a LoRA of a high rank, whose larger half is worth a cast of its own. */
function withLora(graph: Graph) {
  const down = graph.parameter("down", [128, 320]), up = graph.parameter("up", [2560, 128]);
  const x = graph.input("x", [64, 320], "bf16"), w = graph.parameter("w", [2560, 320], "bf16");
  const lora = linear(linear(x, cast(down, "bf16")), cast(up, "bf16"));
  return { y: add(linear(x, w), lora), trained: [down, up] };
}

/** A product of two weights, as LoHa makes its change of a layer's of them. */
function ofWeights(graph: Graph) {
  const a = graph.parameter("a", [2048, 128]), b = graph.parameter("b", [128, 2048]);
  const w = matmul(cast(a, "bf16"), cast(b, "bf16"));
  return { y: linear(graph.input("x", [64, 2048], "bf16"), w), trained: [a, b] };
}

Deno.test("only weights that products take in float32 go there so, whatever becomes of the products", () => {
  for (
    const [build, joined] of [[withLora, "matmul bf16[64, 2560] <- "], [
      ofWeights,
      "matmulAccumulate",
    ]] as const
  ) {
    const lines = [false, true].map((wideWeights) => {
      const graph = new Graph(), { y, trained } = build(graph), loss = sum(cast(y, "f32"));
      gradients(loss, trained).forEach((grad, i) =>
        accumulate(graph.parameter(`grad/${i}`, trained[i].shape), grad!)
      );
      graph.output("loss", loss);
      const { listing } = compileGraph(graph, () => ({ offset: 0, frozen: false }), { wideWeights });
      return { joined: listing.filter((line) => line.startsWith(joined)), count: listing.length };
    });
    assert.ok(lines[0].joined.length > 0);
    assert.deepEqual(lines[1].joined, lines[0].joined);
    assert.ok(lines[1].count < lines[0].count, "nothing is read in float32");
  }
});
