/** Products by cuBLASLt's stand-in (kernels/simt/vendor): taken where they are right, for every kind of product. */

import assert from "node:assert/strict";
import { add, attention, conv2d, linear, matmul } from "../../../src/graph/mod.ts";
import { withEnvironment } from "../devices.ts";
import { agrees, type Case, computed, PRODUCT, testsOf } from "./vendor.ts";

const test = testsOf("cublaslt");

const CASES: Record<string, Case> = {
  "bias and residual": {
    shapes: [[3, 7, 33], [70, 33], [70], [3, 7, 70]],
    build: (x, w, b, r) => add(linear(x, w, b), r),
  },
  "a 1x1 convolution": {
    shapes: [[2, 6, 5, 16], [24, 16, 1, 1], [24]],
    build: (x, w, b) => conv2d(x, w, b),
  },
  "large blocks": { shapes: [[264, 72], [136, 72], [264, 136]], build: (x, w, r) => add(linear(x, w), r) },
  "bias, residual and a LoRA's product": {
    shapes: [[24, 72], [136, 72], [136], [24, 16], [136, 16], [24, 136]],
    build: (x, w, b, h, up, r) => add(add(linear(x, w, b), linear(h, up)), r),
  },
  "one row": { shapes: [[1, 70], [130, 70]], build: (x, w) => linear(x, w) },
  "attention by scores, two pictures of three heads": {
    shapes: [[2, 18, 600], [2, 19, 600], [2, 19, 600]],
    build: (q, k, v) => attention(q, k, v, { heads: 3 }),
  },
};
for (const transA of [false, true]) {
  for (const transB of [false, true]) {
    for (const B of [[], [3]]) {
      const [M, N, K] = [19, 21, 33];
      CASES[`matmul ${transA ? "t" : "n"}${transB ? "t" : "n"}${B.length ? ", stacked" : ""}`] = {
        shapes: [[...B, ...transA ? [K, M] : [M, K]], [...B, ...transB ? [N, K] : [K, N]]],
        build: (a, b) => matmul(a, b, { transA, transB }),
      };
    }
  }
}

for (const dtype of ["f32", "f16", "bf16"] as const) {
  test(
    `a faster library computes products of every kind, and agrees with our kernels (${dtype})`,
    () => agrees("cublaslt", CASES, dtype),
  );
}

test("TF32 is refused for f32 only: halves lose nothing in it", async () => {
  await withEnvironment({ EASEL_SIMT_CUBLASLT: "tf32" }, async () => {
    for (const dtype of ["f16", "bf16"] as const) {
      assert.equal((await computed({ ...PRODUCT, dtype })).facts.cublasLt.refused, 0);
    }
  });
});
