/** Programs made from raw records, which no graph would encode. */

import { INSTRUCTION_BYTES, MAX_OPERANDS, MAX_RANK, TENSOR_BYTES } from "../../../src/base/records.ts";
import { OPS } from "../../../src/graph/ops/registry.ts";
import { Program } from "../../../src/runtime/mod.ts";
import type { Backend } from "../../../ffi/library.ts";
import { device } from "../devices.ts";

export interface TensorRecord {
  dtype?: number;
  rank?: number;
  dims?: number[];
  buffer?: number;
  offset?: number;
  frozen?: boolean;
}
export interface InstructionRecord {
  opcode: number;
  outputs?: number;
  inputs?: number;
  operands: number[];
  attrs?: number[];
}

/** An opcode by its op's name. */
export const opcode = (name: string) => OPS.findIndex((op) => op.name === name);

/** A program over one arena of 1024 bytes (buffer 0) and `constants` (buffer 1), made from raw records. */
export function create(
  backend: Backend,
  tensors: TensorRecord[],
  instructions: InstructionRecord[],
  constants = new Uint8Array(0),
): Promise<Program> {
  const t = new DataView(new ArrayBuffer(tensors.length * TENSOR_BYTES));
  tensors.forEach(
    ({ dtype = 0, dims = [4], rank = dims.length, buffer = 0, offset = 0, frozen = false }, i) => {
      const at = i * TENSOR_BYTES;
      t.setInt32(at, dtype, true);
      t.setInt32(at + 4, rank, true);
      for (let d = 0; d < MAX_RANK; d++) t.setBigInt64(at + 8 + 8 * d, BigInt(dims[d] ?? 1), true);
      t.setInt32(at + 8 + 8 * MAX_RANK, buffer, true);
      t.setInt32(at + 12 + 8 * MAX_RANK, +frozen, true);
      t.setBigInt64(at + 16 + 8 * MAX_RANK, BigInt(offset), true);
    },
  );
  const c = new DataView(new ArrayBuffer(instructions.length * INSTRUCTION_BYTES));
  instructions.forEach(
    ({ opcode, operands, outputs = 1, inputs = operands.length - outputs, attrs = [] }, i) => {
      const at = i * INSTRUCTION_BYTES;
      [opcode, outputs, inputs].forEach((v, k) => c.setInt32(at + 4 * k, v, true));
      for (let k = 0; k < MAX_OPERANDS; k++) c.setInt32(at + 12 + 4 * k, operands[k] ?? -1, true);
      attrs.forEach((v, k) => c.setFloat64(at + 16 + 4 * MAX_OPERANDS + 8 * k, v, true));
    },
  );
  return Program.create(device(backend), {
    tensors: new Uint8Array(t.buffer),
    tensorCount: tensors.length,
    instructions: new Uint8Array(c.buffer),
    instructionCount: instructions.length,
    listing: instructions.map(() => ""),
    arenaBytes: 1024,
    constants,
    inputs: new Map(),
    outputs: new Map(),
  }, []);
}
