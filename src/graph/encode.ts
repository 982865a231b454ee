/** A planned graph as the flat tables of fixed-size records that one FFI call hands to the executor. */

import { DTYPES } from "../base/dtype.ts";
import { INSTRUCTION_BYTES, MAX_OPERANDS, MAX_RANK, TENSOR_BYTES } from "../base/records.ts";
import { type Node, showSpec, type Tensor } from "./graph.ts";
import { OPS } from "./ops/registry.ts";

/** Where a value lies: which buffer of the program's table, at which byte, and whether its bytes ever change. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
  readonly frozen: boolean;
}

/** Where the caller keeps a parameter: an offset in its own buffer, and whether programs may change it. */
export interface ParameterPlace {
  readonly offset: number;
  readonly frozen: boolean;
  /** The flat parameter that it is a piece of: its elements, and which of them is the first. */
  readonly flat?: { readonly name: string; readonly size: number; readonly at: number };
}

export interface Encoded {
  readonly tensors: Uint8Array;
  readonly tensorCount: number;
  readonly instructions: Uint8Array;
  readonly instructionCount: number;
  /** One line an instruction: "conv2d f32[1, 64, 64, 320] <- ..."; for error texts and profiles. */
  readonly listing: readonly string[];
}

/** Encodes the nodes that are instructions (not sources, not aliases). */
export function encode(nodes: readonly Node[], place: (t: Tensor) => Place): Encoded {
  const opcodes = new Map(OPS.map((op, i) => [op, i]));
  const ids = new Map<Tensor, number>();
  const used: Tensor[] = [];
  const idOf = (t: Tensor) => {
    let id = ids.get(t);
    if (id === undefined) {
      id = used.length;
      ids.set(t, id);
      used.push(t);
    }
    return id;
  };
  const steps = nodes.filter((n) => n.op && !n.op.alias);
  const instructions = new DataView(new ArrayBuffer(steps.length * INSTRUCTION_BYTES));
  steps.forEach((node, i) => {
    const op = node.op!;
    const operands = [...node.outputs, ...node.inputs];
    if (operands.length > MAX_OPERANDS) throw new RangeError(`${op.name}: ${operands.length} operands`);
    let at = i * INSTRUCTION_BYTES;
    const i32 = (value: number) => {
      instructions.setInt32(at, value, true);
      at += 4;
    };
    i32(opcodes.get(op)!);
    i32(node.outputs.length);
    i32(node.inputs.length);
    for (let k = 0; k < MAX_OPERANDS; k++) i32(k < operands.length ? idOf(operands[k]) : -1);
    i32(0);
    for (const name of op.attrs) {
      instructions.setFloat64(at, node.attrs[name], true);
      at += 8;
    }
  });
  const tensors = new DataView(new ArrayBuffer(used.length * TENSOR_BYTES));
  used.forEach((t, i) => {
    let at = i * TENSOR_BYTES;
    const { buffer, offset, frozen } = place(t);
    tensors.setInt32(at, DTYPES.indexOf(t.dtype), true);
    tensors.setInt32(at + 4, t.shape.length, true);
    at += 8;
    for (let d = 0; d < MAX_RANK; d++, at += 8) tensors.setBigInt64(at, BigInt(t.shape[d] ?? 1), true);
    tensors.setInt32(at, buffer, true);
    tensors.setInt32(at + 4, +frozen, true);
    tensors.setBigInt64(at + 8, BigInt(offset), true);
  });
  return {
    tensors: new Uint8Array(tensors.buffer),
    tensorCount: used.length,
    instructions: new Uint8Array(instructions.buffer),
    instructionCount: steps.length,
    listing: steps.map(describe),
  };
}

/** "matmul f32[4096, 320] <- f32[4096, 320] f32[320, 320]". */
export function describe(node: Node): string {
  const show = (list: readonly Tensor[]) => list.map(showSpec).join(" ");
  return `${node.op!.name} ${show(node.outputs)} <- ${show(node.inputs)}`;
}
