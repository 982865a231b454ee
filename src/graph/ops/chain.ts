/** Pointwise ops joined into one instruction: the step codes, and the op that carries them (passes/chains.ts makes it). */

import { expect, type Op } from "../graph.ts";
import { BINARY } from "./binary.ts";
import { UNARY } from "./unary.ts";

/**
 * What a step of a chain does, beside the functions of UNARY and BINARY, whose codes follow. load and store move lanes
 * between a register and an operand of any float dtype, storeIf only where the scalar c is not 0. spread reads lanes of an
 * operand a that repeats R times: lane k has its element k / (R c) * c + k % c. dequantize reads lanes
 * of 8 bits: codes are operand a, their scales b, the map c; quantize writes them where the scalar c >> 8 is not 0:
 * codes are operand `to`, the scales b, the map c & 255 (quantized.ts). dither rounds to bf16 at random (chained.ts). sum
 * adds up all lanes into an output; constant and element set a scalar; select gives a where c is not 0, else b; fma is
 * a b + c and fnma c - a b; finite is 1 where x is finite, else 0.
 */
export const CHAIN = [
  "load",
  "spread",
  "store",
  "storeIf",
  "dequantize",
  "quantize",
  "dither",
  "sum",
  "constant",
  "element",
  "select",
  "fma",
  "fnma",
  "sign",
  "finite",
] as const;

export type ChainStep = typeof CHAIN[number] | typeof UNARY[number] | typeof BINARY[number];

const CODES: readonly ChainStep[] = [...CHAIN, ...UNARY, ...BINARY];

/** The step's number in the kernels. */
export const chainCode = (step: ChainStep): number => CODES.indexOf(step);

/** What one chain may have; the kernels keep registers in fast memory and the code in constants. */
export const MOST_STEPS = 64, MOST_REGISTERS = 16, MOST_SCALARS = 48;

/** Places below the first number are registers, then come scalars, then operands of f32, read in place. */
export const FIRST_SCALAR = 64, FIRST_ARRAY = 128;

/**
 * chain(code, operands…; lanes, values, sums) -> `values` results of `lanes` elements, then `sums` results of one. For
 * each lane it runs the steps of `code` in order: a block of lanes at a time, so that memory is read and written once
 * however long the formula. Operands are read, and written where a store names them. code i32: the numbers of scalar
 * steps, lane steps, registers and scalars, then two words a step: op | to << 8 | a << 16 | b << 24, and c, an element's
 * number or a constant's bits.
 */
export const chainOp: Op = {
  name: "chain",
  attrs: ["lanes", "values", "sums"],
  effect: true,
  infer(inputs, { lanes, values, sums }) {
    const [code] = inputs;
    expect(code?.dtype === "i32" && code.node.source?.kind === "constant", "chain", inputs, "needs its code");
    return [
      ...Array.from({ length: values }, () => ({ shape: [lanes], dtype: "f32" as const })),
      ...Array.from({ length: sums }, () => ({ shape: [1], dtype: "f32" as const })),
    ];
  },
};
