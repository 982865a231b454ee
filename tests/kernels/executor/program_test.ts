/** Programs no graph would encode: the executor refuses them with a line of text and goes on living. */

import assert from "node:assert/strict";
import { Graph } from "../../../src/graph/mod.ts";
import { compile, embedding } from "../../../src/graph/mod.ts";
import { OPS } from "../../../src/graph/ops/registry.ts";
import { ParameterStore } from "../../../src/runtime/mod.ts";
import { device, testOnEach } from "../devices.ts";
import { create, type InstructionRecord, opcode, type TensorRecord } from "./records.ts";

const affine = opcode("affine");
const hostile: [string, TensorRecord[], InstructionRecord[], RegExp][] = [
  [
    "an unknown opcode",
    [{}, {}],
    [{ opcode: 999, operands: [0, 1] }],
    /instruction 0: there is no opcode 999/,
  ],
  ["a negative opcode", [{}, {}], [{ opcode: -1, operands: [0, 1] }], /no opcode -1/],
  ["an operand that is no tensor", [{}, {}], [{ opcode: affine, operands: [0, 7] }], /there is no tensor 7/],
  ["a negative operand", [{}, {}], [{ opcode: affine, operands: [0, -2] }], /there is no tensor -2/],
  ["more operands than fit", [{}], [{ opcode: affine, outputs: 9, inputs: 9, operands: [0] }], /9 outputs/],
  ["a negative count", [{}], [{ opcode: affine, outputs: -1, inputs: 2, operands: [0] }], /-1 outputs/],
  ["too few operands", [{}], [{ opcode: affine, outputs: 1, inputs: 0, operands: [0] }], /takes 1 outputs/],
  [
    "a tensor beyond its buffer",
    [{ dims: [257] }],
    [],
    /tensor 0: f32\[257\] at byte 0 leaves buffer 0 of 1024/,
  ],
  ["an offset beyond its buffer", [{ offset: 1020 }], [], /leaves buffer/],
  ["a negative offset", [{ offset: -16 }], [], /leaves buffer/],
  ["an offset off its element size", [{ offset: 2 }], [], /leaves buffer/],
  ["a side that overflows", [{ dims: [2 ** 40, 2 ** 40] }], [], /too large/],
  ["a negative side", [{ dims: [-4] }], [], /a side of -4/],
  ["an unknown dtype", [{ dtype: 9 }], [], /no dtype 9/],
  ["too many axes", [{ rank: 6 }], [], /rank 6/],
  ["an unknown buffer", [{ buffer: 5 }], [], /no buffer 5/],
  [
    "shapes that differ",
    [{}, { dims: [5] }],
    [{ opcode: affine, operands: [0, 1] }],
    /instruction 0 affine f32\[4\]/,
  ],
  [
    "a dtype without kernel",
    [{ dtype: 4 }, { dtype: 4 }],
    [{ opcode: affine, operands: [0, 1] }],
    /u8\[4\] must be f32, f16 or bf16/,
  ],
  [
    "an axis that is none",
    [{}, {}],
    [{ opcode: opcode("slice"), operands: [0, 1], attrs: [3, 0, 4] }],
    /there is no such axis/,
  ],
  [
    "an attribute that is NaN",
    [{}, {}],
    [{ opcode: opcode("slice"), operands: [0, 1], attrs: [NaN, 0, 4] }],
    /whole/,
  ],
  [
    "a function that is none",
    [{}, {}],
    [{ opcode: opcode("unary"), operands: [0, 1], attrs: [99] }],
    /no such function/,
  ],
  [
    "inner sizes that differ",
    [{ dims: [2, 2] }, { dims: [2, 3] }, { dims: [4, 2] }],
    [{ opcode: opcode("matmul"), operands: [0, 1, 2], attrs: [0, 0, 0, 0] }],
    /inner sizes differ/,
  ],
  [
    "a stride of 0",
    [{ dims: [1, 2, 2, 1] }, { dims: [1, 2, 2, 1] }, { dims: [1, 1, 1, 1] }],
    [{ opcode: opcode("conv2d"), operands: [0, 1, 2], attrs: [0, 0, 0, 0, 0, 0, 0] }],
    /stride/,
  ],
];

for (const [name, tensors, instructions, message] of hostile) {
  testOnEach(`a program with ${name} is refused`, async (backend) => {
    await assert.rejects(create(backend, tensors, instructions), message);
  });
}

testOnEach(
  "every opcode refuses operands of rank 0, rank 5 and no operand at all without crashing",
  async (backend) => {
    for (let code = 0; code < OPS.length; code++) {
      if (OPS[code].alias) continue;
      for (const dims of [[], [1, 1, 1, 1, 1], [0], [3]]) {
        for (const dtype of [0, 1, 2, 3, 4]) {
          for (let operands = 0; operands <= 8; operands++) {
            for (const outputs of [0, 1, 2, 3]) {
              if (outputs > operands) continue;
              for (const attr of [0, 1, -1]) {
                const list = Array.from({ length: operands }, (_, k) => k);
                const record = { opcode: code, outputs, operands: list, attrs: new Array(8).fill(attr) };
                const tensors = list.map(() => ({ dims, dtype }));
                const program = await create(backend, tensors, [record]).catch(() => null);
                program?.destroy();
              }
            }
          }
        }
      }
    }
  },
);

testOnEach(
  "an id outside the table stops the run, names itself, and the program runs again",
  async (backend) => {
    const g = new Graph(), store = new ParameterStore(device(backend));
    g.output("y", embedding(g.input("table", [3, 2]), g.input("ids", [2], "i32")));
    const program = await compile(g, store);
    const table = Float32Array.of(1, 2, 3, 4, 5, 6);
    for (const bad of [3, -1, 2 ** 31 - 1]) {
      await assert.rejects(
        program.run({ table, ids: Int32Array.of(0, bad) }),
        new RegExp(`instruction 0 embedding.*id ${bad} at position 1`),
      );
    }
    assert.deepEqual([...(await program.run({ table, ids: Int32Array.of(2, 0) })).y], [5, 6, 1, 2]);
    program.destroy();
  },
);
