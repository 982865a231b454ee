/** What an op takes does not depend on the backend: the same operands are refused, and in the same words. */

import assert from "node:assert/strict";
import { OPS } from "../../../src/graph/ops/registry.ts";
import { noCuda } from "../devices.ts";
import { create, type InstructionRecord, opcode, type TensorRecord } from "./records.ts";

const F16 = 1, I32 = 3, U8 = 4;
const DTYPES = [0, F16, I32, U8]; // bf16 passes as f16 does, where the card has it

/** An instruction that every backend takes: shapes of outputs, then inputs; dtypes where not all are f32. */
interface Valid {
  op: string;
  outputs: number;
  dims: number[][];
  attrs?: number[];
  dtypes?: number[];
  /** The operand whose bytes never change. */
  frozen?: number;
}
const group = [[1, 2, 2, 4], [4], [4], [1, 2], [1, 2]]; // x, gamma, beta, mean, rstd
const [x, gamma, beta, mean, rstd] = group;
const rows = [2];
const VALID: Valid[] = [
  { op: "fill", outputs: 0, dims: [[4]], attrs: [2] },
  { op: "copy", outputs: 0, dims: [[4], [4]], dtypes: [0, F16] },
  { op: "accumulate", outputs: 0, dims: [[4], [4]], dtypes: [0, F16] },
  { op: "cast", outputs: 1, dims: [[4], [4]], attrs: [F16], dtypes: [F16, 0] },
  { op: "affine", outputs: 1, dims: [[4], [4]], attrs: [2, 1] },
  { op: "unary", outputs: 1, dims: [[4], [4]], attrs: [1] },
  { op: "unaryBackward", outputs: 1, dims: [[4], [4], [4]], attrs: [1] },
  { op: "binary", outputs: 1, dims: [[2, 4], [2, 4], [4]], attrs: [1] },
  { op: "sum", outputs: 1, dims: [[2, 1, 3], [2, 4, 3]], attrs: [2] },
  { op: "broadcast", outputs: 1, dims: [[2, 4], [2, 1]], attrs: [2, 4] },
  { op: "permute", outputs: 1, dims: [[3, 2], [2, 3]], attrs: [1, 0] },
  { op: "slice", outputs: 1, dims: [[2, 2], [2, 4]], attrs: [1, 1, 2] },
  { op: "sliceBackward", outputs: 1, dims: [[2, 4], [2, 2]], attrs: [1, 1, 4] },
  { op: "concat", outputs: 1, dims: [[2, 5], [2, 2], [2, 3]], attrs: [1] },
  { op: "embedding", outputs: 1, dims: [[2, 4], [3, 4], [2]], dtypes: [0, 0, I32] },
  { op: "embeddingBackward", outputs: 1, dims: [[3, 4], [2, 4], [2]], attrs: [3], dtypes: [0, 0, I32] },
  { op: "upsampleNearest", outputs: 1, dims: [[1, 4, 6, 2], [1, 2, 3, 2]], attrs: [4, 6] },
  { op: "upsampleNearestBackward", outputs: 1, dims: [[1, 2, 3, 2], [1, 4, 6, 2]], attrs: [2, 3] },
  { op: "matmul", outputs: 1, dims: [[2, 4], [2, 3], [3, 4], [4], [2, 4]], attrs: [0, 0, 1, 1] },
  { op: "matmul", outputs: 1, dims: [[5, 2, 4], [5, 3, 2], [5, 4, 3]], attrs: [1, 1, 0, 0] },
  { op: "matmulAccumulate", outputs: 0, dims: [[2, 4], [2, 3], [3, 4]], attrs: [0, 0] },
  {
    op: "matmulAccumulate",
    outputs: 0,
    dims: [[5, 2, 4], [5, 3, 2], [5, 4, 3]],
    attrs: [1, 1],
    dtypes: [0, F16, F16],
  },
  {
    op: "conv2d",
    outputs: 1,
    dims: [[1, 2, 2, 3], [1, 4, 4, 2], [3, 2, 3, 3], [3], [1, 2, 2, 3]],
    attrs: [2, 1, 1, 0, 0, 1, 1],
  },
  {
    op: "conv2dBackwardInput",
    outputs: 1,
    dims: [[1, 4, 4, 2], [1, 4, 4, 3], [3, 2, 3, 3]],
    attrs: [1, 1, 1, 1, 1, 4, 4],
  },
  {
    op: "conv2dBackwardWeight",
    outputs: 1,
    dims: [[3, 2, 3, 3], [1, 4, 4, 3], [1, 4, 4, 2]],
    attrs: [1, 1, 1, 1, 1, 3, 3],
  },
  {
    op: "conv2dAccumulate",
    outputs: 0,
    dims: [[3, 2, 3, 3], [1, 4, 4, 3], [1, 4, 4, 2]],
    attrs: [1, 1, 1, 1, 1, 3, 3],
    dtypes: [0, F16, F16],
  },
  { op: "groupNorm", outputs: 3, dims: [x, mean, rstd, x, gamma, beta], attrs: [2, 1e-5, 1] },
  { op: "groupNormBackward", outputs: 1, dims: [x, x, x, gamma, beta, mean, rstd], attrs: [2, 1e-5, 1] },
  {
    op: "groupNormBackwardParams",
    outputs: 2,
    dims: [gamma, beta, x, x, gamma, beta, mean, rstd],
    attrs: [2, 1e-5, 1],
  },
  { op: "layerNorm", outputs: 3, dims: [[2, 4], rows, rows, [2, 4], gamma, beta], attrs: [1e-5] },
  { op: "layerNormBackward", outputs: 1, dims: [[2, 4], [2, 4], [2, 4], gamma, rows, rows] },
  { op: "layerNormBackwardParams", outputs: 2, dims: [gamma, beta, [2, 4], [2, 4], gamma, rows, rows] },
  {
    op: "attention",
    outputs: 2,
    dims: [[1, 3, 4], [1, 2, 3], [1, 3, 4], [1, 2, 4], [1, 2, 4]],
    attrs: [2, 0.5, 0],
  },
  {
    op: "attentionBackward",
    outputs: 3,
    dims: [
      ...[[1, 3, 4], [1, 2, 4], [1, 2, 4]],
      ...[[1, 3, 4], [1, 3, 4], [1, 2, 4], [1, 2, 4], [1, 3, 4], [1, 2, 3]],
    ],
    attrs: [2, 0.5, 0],
  },
  { op: "geglu", outputs: 1, dims: [[2, 4], [2, 8]] },
  { op: "gegluBackward", outputs: 1, dims: [[2, 8], [2, 4], [2, 8]] },
  { op: "adamw", outputs: 0, dims: [[4], [4], [4], [4], [7], [1]] },
  { op: "adamwOutcome", outputs: 1, dims: [[1], [4], [4], [4], [4], [7], [1]] },
  { op: "chain", outputs: 2, dims: [[3], [1], [4], [3]], dtypes: [0, 0, I32], attrs: [3, 1, 1], frozen: 2 },
];

function records(v: Valid): [TensorRecord[], InstructionRecord] {
  return [
    v.dims.map((dims, k) => ({ dims, dtype: v.dtypes?.[k] ?? 0, frozen: k === v.frozen })),
    { opcode: opcode(v.op), outputs: v.outputs, operands: v.dims.map((_, k) => k), attrs: v.attrs ?? [] },
  ];
}

/** Everything that differs from a valid instruction in one place. */
function* changed(v: Valid): Generator<Valid> {
  for (let k = 0; k < v.dims.length; k++) {
    const dims = v.dims[k];
    const shapes = [dims.slice(1), [...dims, 1], [1, ...dims]];
    dims.forEach((side, d) => [0, side + 1, 2 * side].forEach((n) => shapes.push(dims.with(d, n))));
    for (const shape of shapes) yield { ...v, dims: v.dims.with(k, shape) };
    const dtypes = v.dims.map((_, k) => v.dtypes?.[k] ?? 0);
    for (const dtype of DTYPES) yield { ...v, dtypes: dtypes.with(k, dtype) };
  }
  for (const dtype of DTYPES) yield { ...v, dtypes: v.dims.map(() => dtype) };
  for (let k = 0; k < (v.attrs?.length ?? 0); k++) {
    for (const value of [-1, 0, 1, 2, 3, 99, 0.5, NaN, 2 ** 40]) {
      yield { ...v, attrs: v.attrs!.with(k, value) };
    }
  }
  if (v.dims.length > 1) yield { ...v, dims: v.dims.slice(0, -1) };
  yield { ...v, dims: [...v.dims, [4]] };
  yield { ...v, outputs: v.outputs + 1 };
  if (v.outputs > 0) yield { ...v, outputs: v.outputs - 1 };
}

/** What a backend says to an instruction; "" when it takes it. */
async function answer(backend: "cpu" | "cuda", v: Valid): Promise<string> {
  const [tensors, instruction] = records(v);
  try {
    (await create(backend, tensors, [instruction])).destroy();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("the list of valid instructions has every op, and the CPU takes each", async () => {
  assert.deepEqual(
    OPS.filter((op) => !op.alias).map((op) => op.name).filter((name) => !VALID.some((v) => v.op === name)),
    [],
  );
  for (const v of VALID) assert.equal(await answer("cpu", v), "");
});

for (const [k, v] of VALID.entries()) {
  Deno.test({
    name: `${v.op} (${k}): both backends refuse the same operands in the same words`,
    ignore: noCuda !== null,
    fn: async () => {
      assert.equal(await answer("cuda", v), "");
      for (const other of changed(v)) assert.equal(await answer("cuda", other), await answer("cpu", other));
    },
  });
}
