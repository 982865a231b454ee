/** Products of matrices as tests of kernels compute them: on a device, and in float64. */

import { deepStrictEqual } from "node:assert/strict";
import { bf16ToF32, type DType, f16ToF32, f32ToBf16, f32ToF16 } from "../../../src/base/dtype.ts";
import {
  accumulate,
  add,
  cast,
  compile,
  Graph,
  matmul,
  reshape,
  type Tensor,
} from "../../../src/graph/mod.ts";
import { type Device, ParameterStore } from "../../../src/runtime/mod.ts";
import { normal } from "../check_op.ts";

export interface Case {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** A stack's height. */
  readonly B?: number;
  /** Places of a second product. */
  readonly rank?: number;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** Added to a float32 parameter. */
  /** To a parameter, or to 0 whatever that holds. */
  readonly accumulates?: true | "to 0";
}

export type Operands = Readonly<Record<string, Float32Array>>;

const ROUNDED: Partial<Record<DType, (x: Float32Array) => Float32Array>> = {
  f32: (x) => x,
  f16: (x) => f16ToF32(f32ToF16(x)),
  bf16: (x) => bf16ToF32(f32ToBf16(x)),
};

/** What a case is computed of, as the dtype holds it. */
export function operands(c: Case, dtype: DType): Operands {
  const { M, N, K, B = 1, rank = 0 } = c;
  const drawn = (numbers: number, seed: number, kind = dtype) =>
    ROUNDED[kind]!(normal([numbers], seed).values as Float32Array);
  return {
    ...{ a: drawn(B * M * K, 1), b: drawn(B * K * N, 2) },
    ...c.bias && { bias: drawn(N, 3) },
    ...c.residual && { residual: drawn(M * N, 4) },
    ...rank && { c: drawn(M * rank, 5), d: drawn(rank * N, 6) },
    ...c.accumulates === true && { sums: drawn(M * N, 7, "f32") },
    ...c.accumulates === "to 0" && { sums: new Float32Array(M * N).fill(NaN) },
  };
}

/** A case by one instruction of a device. */
export async function computed(
  device: Device,
  c: Case,
  dtype: DType,
  inputs: Operands,
): Promise<Float32Array> {
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
    const fresh = c.accumulates === "to 0";
    accumulate(graph.parameter("sums", [M * N]), cast(reshape(y, [M * N]), "f32"), fresh);
  } else graph.output("y", y);
  const program = await compile(graph, store);
  deepStrictEqual(program.tables.listing.length, 1, program.tables.listing.join("\n"));
  const { sums: _, ...given } = inputs, out = await program.run(given);
  const result = c.accumulates ? store.download("sums") : out.y;
  program.destroy();
  store.destroy();
  return result as Float32Array;
}

/** A case in float64. */
export function exact(c: Case, inputs: Operands): Float64Array {
  const { M, N, K, B = 1, rank = 0 } = c, y = new Float64Array(B * M * N);
  y.set(c.accumulates === "to 0" ? [] : inputs.sums ?? inputs.residual ?? []);
  addProduct(y, inputs.a, inputs.b, K, c);
  if (rank) addProduct(y, inputs.c, inputs.d, rank, c);
  if (c.bias) y.forEach((_, at) => y[at] += inputs.bias[at % N]);
  return y;
}

/** y + op(a) op(b). */
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
