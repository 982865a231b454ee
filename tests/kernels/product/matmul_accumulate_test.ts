/** Gradients of weights: products that are added to float32 parameters, unrounded, on each backend. */

import assert from "node:assert/strict";
import type { DType } from "../../../src/base/dtype.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../../src/base/dtype.ts";
import {
  accumulate,
  cast,
  compile,
  compileGraph,
  Graph,
  matmul,
  reshape,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { normal } from "../check_op.ts";
import { device, testOnEach } from "../devices.ts";

const ROUNDED: Partial<Record<DType, (x: Float32Array) => Float32Array>> = {
  f32: (x) => x,
  f16: (x) => f16ToF32(f32ToF16(x)),
  bf16: (x) => bf16ToF32(f32ToBf16(x)),
};
/** Small ones, and long ones whose K the GPU cuts in parts. */
const SIZES = [[5, 7, 3], [16, 48, 33], [64, 16, 2048], [16, 136, 1024]];

for (const [transA, transB] of [[false, false], [false, true], [true, false], [true, true]]) {
  testOnEach(
    `a product${transA ? " of a transposed" : ""}${transB ? " by b transposed" : ""} is added to its target`,
    async (backend) => {
      for (const dtype of ["f32", "f16", "bf16"] as const) {
        for (const [M, N, K] of SIZES) {
          const a = ROUNDED[dtype]!(normal([M * K], 1).values as Float32Array);
          const b = ROUNDED[dtype]!(normal([K * N], 2).values as Float32Array);
          const before = normal([M * N], 3).values as Float32Array;
          const store = new ParameterStore(device(backend)), g = new Graph();
          store.upload("grad", [M * N], "f32", before);
          const x = g.input("a", transA ? [K, M] : [M, K], dtype),
            y = g.input("b", transB ? [N, K] : [K, N], dtype);
          accumulate(
            g.parameter("grad", [M * N]),
            cast(reshape(matmul(x, y, { transA, transB }), [M * N]), "f32"),
          );
          const program = await compile(g, store);
          assert.deepEqual(program.tables.listing.map((line) => line.split(" ")[0]), ["matmulAccumulate"]);
          for (let k = 0; k < 3; k++) await program.run({ a, b }); // the third replays a GPU's graph
          const wanted = Float64Array.from(before);
          for (let m = 0; m < M; m++) {
            for (let k = 0; k < K; k++) {
              const scale = 3 * a[transA ? k * M + m : m * K + k];
              for (let n = 0; n < N; n++) wanted[m * N + n] += scale * b[transB ? n * K + k : k * N + n];
            }
          }
          const error = relL2(store.download("grad"), wanted);
          assert.ok(error < 2e-6, `${dtype} ${M}x${N}x${K}: off by ${error}`);
          program.destroy();
          store.destroy();
        }
      }
    },
  );
}

Deno.test("a product that something else reads, or that has a residual, is accumulated as before", () => {
  const ops = (build: (product: Tensor, g: Graph) => Tensor) => {
    const g = new Graph(), product = matmul(g.input("a", [4, 4], "bf16"), g.input("b", [4, 4], "bf16"));
    accumulate(g.parameter("grad", [4, 4]), build(product, g));
    const { listing } = compileGraph(g, () => ({ offset: 0, frozen: false }));
    return listing.map((line) => line.split(" ")[0]);
  };
  assert.deepEqual(ops((p) => cast(p, "f32")), ["matmulAccumulate"]);
  assert.deepEqual(ops((p, g) => (g.output("y", p), cast(p, "f32"))), ["matmul", "accumulate"]);
  assert.deepEqual(ops((p, g) => (accumulate(g.parameter("other", [4, 4]), p), cast(p, "f32"))), [
    "matmul",
    "accumulate",
    "accumulate",
  ]);
});
