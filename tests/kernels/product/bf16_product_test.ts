/** Products of bf16 by tiles: blocks, threads and edges change nothing, and a result is rounded once. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { openDevice } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { device } from "../devices.ts";
import { type Case, computed, exact, operands } from "./products.ts";

const whole = { bias: true, residual: true };

// Several depths of the sum, halves of panels, parts of tiles, rows that are pages apart, odd sums, several blocks of rows.
const CASES: readonly Case[] = [
  { M: 29, N: 83, K: 2600, transB: true, rank: 16, ...whole },
  { M: 13, N: 48, K: 2562 },
  { M: 14, N: 33, K: 2048, transB: true, rank: 5, ...whole },
  { M: 70, N: 16, K: 1301, transA: true, accumulates: true },
  { M: 16, N: 200, K: 2570, transA: true, accumulates: true },
  { M: 45, N: 200, K: 2570, transA: true, accumulates: "to 0" },
  { M: 1030, N: 1040, K: 24, transA: true, accumulates: "to 0" }, // past the caches
  { M: 70, N: 16, K: 130, accumulates: "to 0" },
  { M: 9, N: 39, K: 1283, transA: true, transB: true },
  { M: 600, N: 16, K: 72, transB: true },
  { M: 700, N: 9, K: 77, B: 3 },
  { M: 25, N: 160, K: 66, transB: true, rank: 1, ...whole },
  { M: 8, N: 1000, K: 64, transB: true, rank: 2, ...whole },
];

for (const c of CASES) {
  Deno.test(`bf16 products of ${JSON.stringify(c)} are right, and the same with any number of threads`, async () => {
    const x = operands(c, "bf16"), alone = openDevice("cpu", { threads: 1 });
    const y = await computed(alone, c, "bf16", x);
    alone.close();
    for (const threads of [2, 5]) {
      const others = openDevice("cpu", { threads });
      deepStrictEqual(await computed(others, c, "bf16", x), y, `with ${threads} threads`);
      others.close();
    }
    const wanted = exact(c, x), error = relL2(y, wanted);
    const { isa, features } = device("cpu").info();
    const once = isa === "v4" && features?.avx512_bf16 && !features.amx;
    // Half of bf16's last digit, at most, is 2^-9 of the largest numbers with a digit and 2^-8 of the smallest.
    ok(error < (c.accumulates ? 1e-6 : once ? 2e-3 : 4e-3), `off by ${error}`);
    if (once && !c.accumulates) {
      const far = y.findIndex((v, k) => Math.abs(v - wanted[k]) > Math.abs(wanted[k]) / 256 + 1e-4);
      ok(far < 0, `${y[far]} for ${wanted[far]} was rounded more than once`);
    }
  });
}
