/** The steps of a chain, and their encoding. */

import { MAX_OPERANDS } from "../../base/records.ts";
import type { Tensor } from "../graph.ts";
import {
  chainCode,
  type ChainStep,
  FIRST_ARRAY,
  FIRST_SCALAR,
  MOST_REGISTERS,
  MOST_SCALARS,
  MOST_STEPS,
} from "../ops/chain.ts";

/** What a step reads: a number a lane made by a step or read in place, or one number for all lanes. */
export type Value =
  | { readonly kind: "register" }
  | { readonly kind: "scalar"; readonly index: number }
  | { readonly kind: "array"; readonly operand: Tensor };

export interface Step {
  readonly step: ChainStep;
  /** Null for what goes into an operand. */
  readonly to: Value | null;
  readonly from: readonly Value[];
  /** The operand of load, spread, store and element; the output of sum. */
  readonly operand?: Tensor;
  /** Beside the codes of dequantize and quantize: their scales and map. */
  readonly more?: readonly Tensor[];
  /** A constant's bits, an element's number, or how many elements of what is spread are behind the axes that repeat. */
  readonly word?: number;
}

export interface Chain {
  readonly code: Int32Array;
  /** What follows the code among the instruction's inputs. */
  readonly operands: readonly Tensor[];
  /** The recorded values that the instruction's outputs hold. */
  readonly values: readonly Tensor[];
  readonly sums: readonly Tensor[];
}

const READS = new Set<ChainStep>(["load", "spread", "element"]);
const STORES = new Set<ChainStep>(["store", "storeIf", "quantize"]);

/** mul and the add or sub that alone reads it, as fma or fnma, where nothing is stored between them. */
export function joinProducts(steps: readonly Step[]): Step[] {
  const readers = new Map<Value, number>();
  for (const { from } of steps) for (const v of from) readers.set(v, (readers.get(v) ?? 0) + 1);
  const out: Step[] = [];
  for (const step of steps) {
    const [a, b] = step.from;
    const product = (v: Value) => {
      const at = out.findLastIndex(({ to }) => to === v);
      const still = out.slice(at + 1).every((s) => !STORES.has(s.step));
      return at >= 0 && out[at].step === "mul" && readers.get(v) === 1 && still ? at : -1;
    };
    const candidates = step.step === "add" ? [[a, b], [b, a]] : step.step === "sub" ? [[b, a]] : [];
    const found = candidates.find(([v]) => product(v) >= 0);
    if (!found) {
      out.push(step);
      continue;
    }
    const [{ from: [x, y] }] = out.splice(product(found[0]), 1);
    out.push({ step: step.step === "add" ? "fma" : "fnma", to: step.to, from: [x, y, found[1]] });
  }
  return out;
}

/** Null where the instruction has no room for it. */
export function encodeChain(
  scalarSteps: readonly Step[],
  laneSteps: readonly Step[],
  values: readonly Tensor[],
  sums: readonly Tensor[],
): Chain | null {
  const outputs = [...values, ...sums], steps = [...scalarSteps, ...laneSteps];
  const named = steps.flatMap(({ from, operand, more = [] }) => [
    ...from.flatMap((v) => v.kind === "array" ? [v.operand] : []),
    ...operand ? [operand] : [],
    ...more,
  ]);
  const operands = [...new Set(named)].filter((t) => !outputs.includes(t));
  const position = new Map([...outputs, ...operands].map((t, i) => [t, i]));
  const registers = assignRegisters(laneSteps);
  const fits = steps.length <= MOST_STEPS && scalarSteps.length <= MOST_SCALARS &&
    registers.most <= MOST_REGISTERS && position.size + 1 <= MAX_OPERANDS;
  if (!fits) return null;
  const place = (v: Value) =>
    v.kind === "register"
      ? registers.of.get(v)!
      : v.kind === "scalar"
      ? FIRST_SCALAR + v.index
      : FIRST_ARRAY + position.get(v.operand)!;
  const words = [scalarSteps.length, laneSteps.length, registers.most, scalarSteps.length];
  for (const { step, to, from, operand, more, word } of steps) {
    // scalar steps know nothing but scalars
    const places = from.map((v) => to?.kind === "scalar" && v.kind === "scalar" ? v.index : place(v));
    const reads = READS.has(step) ? [position.get(operand!)!] : places;
    const target = !to ? position.get(operand!)! : to.kind === "scalar" ? to.index : place(to);
    const [scales = 0, map = 0] = more?.map((t) => position.get(t)!) ?? [];
    // the condition of storeIf stands where the others have their third
    const [a = 0, b = 0, c = 0] = step === "storeIf"
      ? [reads[0], 0, reads[1]]
      : step === "dequantize"
      ? [position.get(operand!)!, scales, map]
      : step === "quantize"
      ? [reads[0], scales, map | reads[1] << 8]
      : reads;
    words.push(chainCode(step) | target << 8 | a << 16 | b << 24, word ?? c);
  }
  return { code: Int32Array.from(words), operands, values, sums };
}

/** Registers by lifetime: a value's is free again after its last reader. */
function assignRegisters(steps: readonly Step[]): { of: Map<Value, number>; most: number } {
  const last = new Map<Value, number>();
  steps.forEach(({ from, to }, i) => {
    if (to) last.set(to, i);
    for (const v of from) if (v.kind === "register") last.set(v, i);
  });
  const of = new Map<Value, number>(), free: number[] = [];
  let most = 0;
  steps.forEach(({ from, to }, i) => {
    for (const v of new Set(from)) if (v.kind === "register" && last.get(v) === i) free.push(of.get(v)!);
    if (!to) return;
    of.set(to, free.pop() ?? most++);
    if (last.get(to) === i) free.push(of.get(to)!);
  });
  return { of, most };
}
