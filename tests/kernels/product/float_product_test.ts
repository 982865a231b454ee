/**
 * Products in float32 of operands of any type (kernels/cpu/product/float_product.cpp) with AVX2 alone, and but for bf16 by
 * the vectors of every other level.
 */

import { ok } from "node:assert/strict";
import { openDevice } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { withEnvironment } from "../devices.ts";
import { type Case, computed, exact, operands } from "./products.ts";
import { identical } from "../identical.ts";

const open = (isa: string, threads: number) =>
  withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu", { threads }));
const alone = open("v3", 1), three = open("v3", 3), others = [open("v2", 1), open("v4", 2)];

// Groups of 6 rows, panels of 16 columns (8 where no more are left) in blocks of 29, 288 places, 1024 rows.
const CASES: readonly Case[] = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB): Case[] => [
    { M: 6, N: 16, K: 8, transA, transB },
    { M: 13, N: 21, K: 11, transA, transB, B: 3 },
    { M: 4, N: 8, K: 700, transA, transB, B: 2 },
    { M: 31, N: 475, K: 37, transA, transB },
    { M: 29, N: 39, K: 725, transA, transB, accumulates: true },
    { M: 29, N: 39, K: 72, transA, transB, accumulates: "to 0" },
    { M: 1039, N: 23, K: 355, transA, transB },
  ])
).concat([
  { M: 1, N: 130, K: 70, transB: true },
  { M: 50, N: 70, K: 33, transB: true, bias: true, residual: true },
  { M: 50, N: 70, K: 345, rank: 16, transB: true, bias: true, residual: true },
  { M: 50, N: 70, K: 709, rank: 5, residual: true },
  { M: 33, N: 9, K: 12, rank: 370 },
]);

for (const c of CASES) {
  Deno.test(`a product in float32: ${JSON.stringify(c)}`, async () => {
    for (const dtype of ["f32", "bf16", "f16"] as const) {
      const inputs = operands(c, dtype), wanted = exact(c, inputs);
      const got = await computed(alone, c, dtype, inputs), error = relL2(got, wanted);
      const most = c.accumulates ? 1e-6 : { f32: 1e-6, bf16: 2e-3, f16: 3e-4 }[dtype];
      ok(error < most, `${dtype}: off by ${error}`);
      identical(await computed(three, c, dtype, inputs), got, `${dtype} by threads`);
      if (dtype === "bf16") continue;
      for (const other of others) {
        const error = relL2(await computed(other, c, dtype, inputs), wanted);
        ok(error < most, `${other.info().isa}: off by ${error}`);
      }
    }
  });
}
