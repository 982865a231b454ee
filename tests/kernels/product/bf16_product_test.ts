/** Products of bf16 by tiles: blocks, threads and edges change nothing, and a result is rounded once. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { openDevice } from "../../../src/runtime/mod.ts";
import { relL2 } from "../../golden/compare.ts";
import { device } from "../devices.ts";
import { type Case, computed, exact, operands } from "./products.ts";
import { identical } from "../identical.ts";

const whole = { bias: true, residual: true };

// Several depths of the sum, halves of panels, parts of tiles, rows that are pages apart, odd sums, several blocks of rows.
const CASES: readonly Case[] = [
  { M: 29, N: 83, K: 2600, transB: true, rank: 16, ...whole },
  { M: 13, N: 48, K: 2562 },
  { M: 14, N: 33, K: 2048, transB: true, rank: 5, ...whole },
  { M: 70, N: 16, K: 1301, transA: true, accumulates: true },
  { M: 16, N: 200, K: 2570, transA: true, accumulates: true },
  { M: 45, N: 200, K: 2570, transA: true, accumulates: "to 0" },
  { M: 300, N: 70, K: 1030, transA: true, rank: 3 },
  { M: 1030, N: 1040, K: 24, transA: true, accumulates: "to 0" }, // past the caches
  { M: 70, N: 16, K: 130, accumulates: "to 0" },
  { M: 9, N: 39, K: 1283, transA: true, transB: true },
  { M: 600, N: 16, K: 72, transB: true },
  { M: 700, N: 9, K: 77, B: 3 },
  { M: 25, N: 160, K: 66, transB: true, rank: 1, ...whole },
  { M: 8, N: 1000, K: 64, transB: true, rank: 2, ...whole },
  { M: 600, N: 992, K: 70, transB: true, rank: 3, ...whole }, // past the caches
  { M: 350, N: 544, K: 33, B: 3 },
  { M: 1, N: 150, K: 71, transB: true, bias: true }, // weights as rows of a
  { M: 9, N: 103, K: 2600, transB: true, rank: 16, ...whole },
  { M: 40, N: 190, K: 100, transB: true, B: 3 },
  { M: 130, N: 4128, K: 66, transB: true, ...whole },
  { M: 4100, N: 70, K: 66, rank: 2, ...whole }, // divided among threads by rows
];

for (const c of CASES) {
  Deno.test(`bf16 products of ${JSON.stringify(c)} are right, and the same with any number of threads`, async () => {
    const x = operands(c, "bf16"), alone = openDevice("cpu", { threads: 1 });
    const y = await computed(alone, c, "bf16", x);
    alone.close();
    for (const threads of [2, 5]) {
      const others = openDevice("cpu", { threads });
      identical(await computed(others, c, "bf16", x), y, `with ${threads} threads`);
      others.close();
    }
    const wanted = exact(c, x), error = relL2(y, wanted);
    const { isa, features } = device("cpu").info();
    const once = isa === "v4" && features?.avx512_bf16;
    // Half of bf16's last digit, at most, is 2^-9 of the largest numbers with a digit and 2^-8 of the smallest.
    ok(error < (c.accumulates ? 1e-6 : once ? 2e-3 : 4e-3), `off by ${error}`);
    if (once && !c.accumulates) {
      const far = y.findIndex((v, k) => Math.abs(v - wanted[k]) > Math.abs(wanted[k]) / 256 + 1e-4);
      ok(far < 0, `${y[far]} for ${wanted[far]} was rounded more than once`);
    }
  });
}

Deno.test("bf16 products of 1 to 40 rows and columns are right", async () => {
  const cpu = openDevice("cpu", { threads: 1 });
  for (let n = 0; n < 40; n++) {
    const c: Case = {
      ...{ M: n + 1, N: (n * 7) % 40 + 1, K: 61 + (n * 11) % 70, transA: n % 4 === 1, transB: n % 3 === 1 },
      ...n % 5 === 4 ? { accumulates: n % 2 ? true : "to 0" } : { rank: n % 2 ? 0 : n % 40 + 1, ...whole },
    };
    const x = operands(c, "bf16"), error = relL2(await computed(cpu, c, "bf16", x), exact(c, x));
    ok(error < (c.accumulates ? 1e-6 : 4e-3), `${JSON.stringify(c)}: off by ${error}`);
  }
  cpu.close();
});

Deno.test("what is no number in one row of a bf16 product stays in that row", async () => {
  const cpu = openDevice("cpu", { threads: 1 });
  for (const transA of [false, true]) {
    const c: Case = { M: 70, N: 40, K: 75, transA, rank: 5 }, x = operands(c, "bf16");
    for (let k = 0; k < c.K; k++) x.a[transA ? k * c.M + 33 : 33 * c.K + k] = k % 2 ? NaN : Infinity;
    const y = await computed(cpu, c, "bf16", x);
    y.forEach((v, at) => deepStrictEqual(Number.isNaN(v), Math.floor(at / c.N) === 33, `at ${at}`));
  }
  cpu.close();
});
