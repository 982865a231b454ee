/** Sums that the instruction before them takes over: of a LoRA and its layer, and of gradients. */

import assert from "node:assert/strict";
import {
  add,
  compileGraph,
  conv2d,
  gradients,
  Graph,
  layerNorm,
  linear,
  reshape,
  sum,
  type Tensor,
} from "../../src/graph/mod.ts";

/** The instructions for `y` and its gradient by x, and how many operands each reads. */
function instructions(
  record: (x: Tensor, weight: (out: number, inputs: number) => Tensor) => Tensor,
): string[] {
  const graph = new Graph(), x = graph.input("x", [2, 8, 64], "bf16");
  const y = record(x, (out, inputs) => graph.parameter(`${graph.nodes.length}`, [out, inputs], "bf16"));
  graph.output("y", y);
  graph.output("dx", gradients(sum(y), [x])[0]!);
  const { listing } = compileGraph(graph, () => ({ offset: 0, frozen: true }));
  return listing.map((line) => `${line.split(" ")[0]} ${line.split("<-")[1].match(/\w+\[/g)!.length}`)
    .filter((line) => /matmul|binary|Norm/.test(line));
}

Deno.test("a layer and its LoRA are one product behind the rank, forward and backward", () => {
  const found = instructions((x, weight) => {
    const [w, down, up] = [weight(64, 64), weight(16, 64), weight(64, 16)];
    return add(x, add(linear(x, w), linear(linear(x, down), up)));
  });
  // h; y with x as its residual; dh; dx with dy
  assert.deepEqual(found, ["matmul 2", "matmul 5", "matmul 2", "matmul 5"]);
});

Deno.test("gradients of several such layers are added by their products", () => {
  const found = instructions((x, weight) =>
    [0, 1, 2].map(() => {
      const [w, down, up] = [weight(64, 64), weight(16, 64), weight(64, 16)];
      return add(linear(x, w), linear(linear(x, down), up));
    }).reduce(add)
  );
  assert.equal(found.filter((line) => line.startsWith("binary")).length, 0, found.join());
  assert.equal(found.length, 12, found.join());
});

Deno.test("a sum of two long products is no such instruction", () => {
  const found = instructions((x, weight) => {
    const [wide, w] = [weight(512, 64), weight(64, 512)];
    return add(linear(linear(x, wide), w), linear(linear(x, wide), w));
  });
  assert.ok(found.every((line) => line !== "matmul 5" && line !== "matmul 4"), found.join());
});

Deno.test("a skip's gradient is added by the norm's", () => {
  const found = instructions((x, weight) => {
    const [gamma] = [weight(64, 1)];
    return add(x, layerNorm(x, reshape(gamma, [64]), reshape(gamma, [64])));
  });
  assert.deepEqual(found, ["layerNorm 3", "binary 2", "layerNormBackward 6"]);
});

Deno.test("what is added to all pixels is part of the bias", () => {
  const graph = new Graph(),
    weight = (name: string, ...shape: number[]) => graph.parameter(name, shape, "bf16");
  const h = conv2d(graph.input("x", [1, 8, 8, 64], "bf16"), weight("w", 64, 64, 3, 3), weight("b", 64));
  const row = linear(graph.input("t", [1, 32], "bf16"), weight("v", 64, 32), weight("c", 64));
  graph.output("y", add(h, reshape(row, [1, 1, 1, 64])));
  const { listing } = compileGraph(graph, () => ({ offset: 0, frozen: true }));
  assert.deepEqual(listing.map((line) => line.replace(/bf16/g, "")), [
    "matmul [1, 64] <- [1, 32] [64, 32] [64] [1, 64]",
    "conv2d [1, 6, 6, 64] <- [1, 8, 8, 64] [64, 64, 3, 3] [64]",
  ]);
});
