/** The arithmetic that rates are made of, read off the listing of recorded ops. */

import assert from "node:assert/strict";
import {
  attention,
  compileGraph,
  conv2d,
  gradients,
  Graph,
  linear,
  matmul,
  sum,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { rateText, workOf } from "./work.ts";

function works(shapes: readonly number[][], build: (...x: Tensor[]) => Tensor, gradient = false) {
  const graph = new Graph(), x = shapes.map((shape, i) => graph.input(`x${i}`, shape, "bf16"));
  const y = build(...x);
  graph.output("y", y);
  if (gradient) gradients(sum(y), x).forEach((d, i) => d && graph.output(`d${i}`, d));
  const { listing } = compileGraph(graph, () => ({ offset: 0, frozen: false }));
  return new Map(listing.map((line) => [workOf(line).op, workOf(line)]));
}

Deno.test("flops and bytes of products, convolutions and attention", () => {
  const product = works([[6, 5], [7, 5]], (x, w) => linear(x, w)).get("matmul")!;
  assert.deepEqual([product.flop, product.bytes], [2 * 6 * 7 * 5, 2 * (6 * 5 + 7 * 5 + 6 * 7)]);
  const batched = works([[3, 6, 5], [3, 5, 7]], (a, b) => matmul(a, b)).get("matmul")!;
  assert.equal(batched.flop, 2 * 3 * 6 * 7 * 5);
  const pad: [number, number, number, number] = [1, 1, 1, 1];
  const conv = works([[2, 8, 8, 4], [6, 4, 3, 3]], (x, w) => conv2d(x, w, undefined, { pad }), true);
  for (const op of ["conv2d", "conv2dBackwardInput", "conv2dBackwardWeight"]) {
    assert.equal(conv.get(op)!.flop, 2 * (2 * 8 * 8 * 6) * 4 * 9, op);
  }
  const heads = works(
    [[2, 10, 16], [2, 7, 16], [2, 7, 16]],
    (q, k, v) => attention(q, k, v, { heads: 2 }),
    true,
  );
  assert.equal(heads.get("attention")!.flop, 2 * 2 * (2 * 10 * 7 * 16));
  assert.equal(heads.get("attentionBackward")!.flop, 5 * 2 * (2 * 10 * 7 * 16));
});

Deno.test("a rate is of arithmetic where there is some, else of bytes, and has its share of the ceiling", () => {
  const ceiling = { tflops: 800, gbs: 3000 };
  assert.equal(rateText(2, { flop: 8e11, bytes: 1 }, ceiling), "400.0 TFLOP/s 50%");
  assert.equal(rateText(1, { flop: 0, bytes: 1.5e9 }, ceiling), "1500 GB/s 50%");
});
