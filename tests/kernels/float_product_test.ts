/**
 * Products in float32 of operands of any type, as processors with AVX2 alone compute them (kernels/cpu/float_product.cpp),
 * and those of f16 by the vectors of every other level.
 */

import { deepStrictEqual, ok } from "node:assert/strict";
import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/base/dtype.ts";
import { accumulate, add, cast, compile, Graph, matmul, reshape, type Tensor } from "../../src/graph/mod.ts";
import { type Device, openDevice, ParameterStore } from "../../src/runtime/mod.ts";
import { relL2 } from "../golden/compare.ts";
import { normal } from "./check_op.ts";
import { withEnvironment } from "./devices.ts";

const open = (isa: string, threads: number) =>
  withEnvironment({ EASEL_CPU_ISA: isa }, () => openDevice("cpu", { threads }));
const alone = open("v3", 1), three = open("v3", 3), others = [open("v2", 1), open("v4", 2)];

const ROUNDED: Partial<Record<DType, (x: Float32Array) => Float32Array>> = {
  f32: (x) => x,
  f16: (x) => f16ToF32(f32ToF16(x)),
  bf16: (x) => bf16ToF32(f32ToBf16(x)),
};

interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly B?: number;
  /** Places of a second product. */
  readonly rank?: number;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** Added to a float32 parameter. */
  readonly accumulates?: boolean;
}

// Groups of 6 rows, panels of 16 columns (8 where no more are left) in blocks of 24, 352 places, 1024 rows.
const CASES: readonly Case[] = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB): Case[] => [
    { M: 6, N: 16, K: 8, transA, transB },
    { M: 13, N: 21, K: 11, transA, transB, B: 3 },
    { M: 4, N: 8, K: 700, transA, transB, B: 2 },
    { M: 31, N: 405, K: 37, transA, transB },
    { M: 29, N: 39, K: 725, transA, transB, accumulates: true },
    { M: 1039, N: 23, K: 355, transA, transB },
  ])
).concat([
  { M: 1, N: 130, K: 70, transB: true },
  { M: 50, N: 70, K: 33, transB: true, bias: true, residual: true },
  { M: 50, N: 70, K: 345, rank: 16, transB: true, bias: true, residual: true },
  { M: 50, N: 70, K: 709, rank: 5, residual: true },
  { M: 33, N: 9, K: 12, rank: 370 },
]);

const operand = (numbers: number, dtype: DType, seed: number) =>
  ROUNDED[dtype]!(normal([numbers], seed).values as Float32Array);

async function run(device: Device, c: Case, dtype: DType, inputs: Record<string, Float32Array>) {
  const { M, N, transA, transB } = c, stack = c.B ? [c.B] : [];
  const store = new ParameterStore(device), graph = new Graph();
  const multiplied = (a: string, b: string, K: number) =>
    matmul(
      graph.input(a, [...stack, ...transA ? [K, M] : [M, K]], dtype),
      graph.input(b, [...stack, ...transB ? [N, K] : [K, N]], dtype),
      { transA, transB },
    );
  let y: Tensor = multiplied("a", "b", c.K);
  if (c.bias) y = add(y, graph.input("bias", [N], dtype));
  if (c.rank) y = add(y, multiplied("c", "d", c.rank));
  if (c.residual) y = add(y, graph.input("residual", [M, N], dtype));
  if (c.accumulates) {
    store.upload("sums", [M * N], "f32", inputs.sums);
    accumulate(graph.parameter("sums", [M * N]), cast(reshape(y, [M * N]), "f32"));
  } else graph.output("y", y);
  const program = await compile(graph, store);
  deepStrictEqual(program.tables.listing.length, 1, program.tables.listing.join("\n"));
  const { sums: _, ...given } = inputs, out = await program.run(given);
  const result = c.accumulates ? store.download("sums") : out.y;
  program.destroy();
  store.destroy();
  return result as Float32Array;
}

/** y + op(a) op(b), in float64. */
function addProduct(y: Float64Array, a: Float32Array, b: Float32Array, K: number, c: Case): void {
  const { M, N, B = 1 } = c;
  for (let s = 0; s < B; s++) {
    for (let m = 0; m < M; m++) {
      for (let k = 0; k < K; k++) {
        const scale = a[s * M * K + (c.transA ? k * M + m : m * K + k)];
        for (let n = 0; n < N; n++) {
          y[(s * M + m) * N + n] += scale * b[s * K * N + (c.transB ? n * K + k : k * N + n)];
        }
      }
    }
  }
}

for (const c of CASES) {
  Deno.test(`a product in float32: ${JSON.stringify(c)}`, async () => {
    const { M, N, K, B = 1, rank = 0 } = c;
    for (const dtype of ["f32", "bf16", "f16"] as const) {
      const inputs: Record<string, Float32Array> = {
        a: operand(B * M * K, dtype, 1),
        b: operand(B * K * N, dtype, 2),
      };
      if (c.bias) inputs.bias = operand(N, dtype, 3);
      if (c.residual) inputs.residual = operand(M * N, dtype, 4);
      if (rank) Object.assign(inputs, { c: operand(M * rank, dtype, 5), d: operand(rank * N, dtype, 6) });
      if (c.accumulates) inputs.sums = operand(M * N, "f32", 7);
      const exact = new Float64Array(B * M * N);
      exact.set(inputs.sums ?? inputs.residual ?? []);
      addProduct(exact, inputs.a, inputs.b, K, c);
      if (rank) addProduct(exact, inputs.c, inputs.d, rank, c);
      if (c.bias) exact.forEach((_, at) => exact[at] += inputs.bias[at % N]);
      const got = await run(alone, c, dtype, inputs), error = relL2(got, exact);
      const most = c.accumulates ? 1e-6 : { f32: 1e-6, bf16: 2e-3, f16: 3e-4 }[dtype];
      ok(error < most, `${dtype}: off by ${error}`);
      deepStrictEqual(await run(three, c, dtype, inputs), got, `${dtype}: threads change it`);
      if (dtype !== "f16") continue;
      for (const other of others) {
        const error = relL2(await run(other, c, dtype, inputs), exact);
        ok(error < most, `${other.info().isa}: off by ${error}`);
      }
    }
  });
}
