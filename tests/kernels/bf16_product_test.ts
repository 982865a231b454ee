/** Products of bf16 by tiles: blocks, threads and edges change nothing, and a result is rounded once. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { bf16ToF32, f32ToBf16 } from "../../src/base/dtype.ts";
import {
  accumulate,
  add,
  cast,
  compile,
  Graph,
  linear,
  matmul,
  reshape,
  type Tensor,
} from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { device } from "./devices.ts";

interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** A stack's height. */
  readonly B?: number;
  /** A second product of this rank, a bias and a residual. */
  readonly rank?: number;
  /** The product is added to a float32 target. */
  readonly added?: boolean;
}

// Several depths of the sum, halves of panels, parts of tiles, rows that are pages apart, odd sums, several blocks of rows.
const CASES: readonly Case[] = [
  { M: 29, N: 83, K: 2600, transB: true, rank: 16 },
  { M: 13, N: 48, K: 2562 },
  { M: 14, N: 33, K: 2048, transB: true, rank: 5 },
  { M: 70, N: 16, K: 1301, transA: true, added: true },
  { M: 16, N: 200, K: 2570, transA: true, added: true },
  { M: 9, N: 39, K: 1283, transA: true, transB: true },
  { M: 600, N: 16, K: 72, transB: true },
  { M: 700, N: 9, K: 77, B: 3 },
  { M: 25, N: 160, K: 66, transB: true, rank: 1 },
  { M: 8, N: 1000, K: 64, transB: true, rank: 2 },
];

const drawn = (count: number, seed: number) =>
  bf16ToF32(f32ToBf16(normal([count], seed).values as Float32Array));
const product = (x: Tensor, y: Tensor, { transA, transB }: Case) => matmul(x, y, { transA, transB });

function operands({ M, N, K, B, rank }: Case) {
  const count = { a: M * K * (B ?? 1), b: N * K * (B ?? 1), bias: N, residual: M * N, c: M, d: N };
  const of = (name: keyof typeof count, seed: number) =>
    drawn(count[name] * (name === "c" || name === "d" ? rank! : 1), seed);
  const x: Record<string, Float32Array> = { a: of("a", 1), b: of("b", 2) };
  if (rank) {
    Object.assign(x, { bias: of("bias", 3), residual: of("residual", 4), c: of("c", 5), d: of("d", 6) });
  }
  return x;
}

async function computed(on: Device, c: Case, x: Record<string, Float32Array>): Promise<Float32Array> {
  const { M, N, K, B, rank, transA, transB, added } = c;
  const store = new ParameterStore(on), g = new Graph();
  const input = (name: string, shape: number[]) => g.input(name, shape, "bf16");
  const matrix = (name: string, rows: number, columns: number) =>
    input(name, [...(B ? [B] : []), rows, columns]);
  const a = transA ? matrix("a", K, M) : matrix("a", M, K),
    b = transB ? matrix("b", N, K) : matrix("b", K, N);
  if (added) {
    store.upload("target", [M * N], "f32", new Float32Array(M * N).fill(1));
    accumulate(g.parameter("target", [M * N]), cast(reshape(product(a, b, c), [M * N]), "f32"));
  } else if (rank) {
    const more = linear(input("c", [M, rank]), input("d", [N, rank]));
    g.output("y", add(add(linear(a, b, input("bias", [N])), more), input("residual", [M, N])));
  } else {
    g.output("y", product(a, b, c));
  }
  const program = await compile(g, store);
  const { y } = await program.run(x);
  const result = added ? store.download("target") as Float32Array : y as Float32Array;
  program.destroy();
  store.destroy();
  return result;
}

/** The same in float64. */
function exact({ M, N, K, B = 1, rank = 0, transA, transB, added }: Case, x: Record<string, Float32Array>) {
  const y = new Float64Array(B * M * N);
  for (let s = 0; s < B; s++) {
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let total = added ? 1 : rank ? x.bias[n] + x.residual[m * N + n] : 0;
        for (let r = 0; r < rank; r++) total += x.c[m * rank + r] * x.d[n * rank + r];
        for (let k = 0; k < K; k++) {
          total += x.a[s * M * K + (transA ? k * M + m : m * K + k)] *
            x.b[s * K * N + (transB ? n * K + k : k * N + n)];
        }
        y[(s * M + m) * N + n] = total;
      }
    }
  }
  return y;
}

for (const c of CASES) {
  Deno.test(`bf16 products of ${JSON.stringify(c)} are right, and the same with any number of threads`, async () => {
    const x = operands(c), alone = openDevice("cpu", { threads: 1 }), y = await computed(alone, c, x);
    alone.close();
    for (const threads of [2, 5]) {
      const others = openDevice("cpu", { threads });
      deepStrictEqual(await computed(others, c, x), y, `with ${threads} threads`);
      others.close();
    }
    const wanted = exact(c, x), error = relL2(y, wanted);
    const { isa, features } = device("cpu").info();
    const once = isa === "v4" && features?.avx512_bf16 && !features.amx;
    // Half of bf16's last digit, at most, is 2^-9 of the largest numbers with a digit and 2^-8 of the smallest.
    ok(error < (c.added ? 1e-6 : once ? 2e-3 : 4e-3), `off by ${error}`);
    if (once && !c.added) {
      const far = y.findIndex((v, k) => Math.abs(v - wanted[k]) > Math.abs(wanted[k]) / 256 + 1e-4);
      ok(far < 0, `${y[far]} for ${wanted[far]} was rounded more than once`);
    }
  });
}
