/** Writes the code of one chain: from its nodes to steps over registers, scalars and operands (ops/chain.ts). */

import { elements, type Node, type Shape, type Tensor } from "../graph.ts";
import { affineOp } from "../ops/affine.ts";
import { BINARY, binaryOp } from "../ops/binary.ts";
import { castOp } from "../ops/cast.ts";
import type { ChainStep } from "../ops/chain.ts";
import { CHAINED, chainedOp } from "../ops/chained.ts";
import { accumulateOp, copyOp, fillOp } from "../ops/fill.ts";
import { dequantizeOp, quantizeOp } from "../ops/quantized.ts";
import { reshapeOp } from "../ops/reshape.ts";
import { sliceOp } from "../ops/slice.ts";
import { sumOp } from "../ops/sum.ts";
import { UNARY, unaryOp } from "../ops/unary.ts";
import { type Chain, encodeChain, joinProducts, type Step, type Value } from "./chain_steps.ts";
import { elementsBehind } from "./repeats.ts";

const SCALAR_OPS = new Set([reshapeOp, sliceOp, unaryOp, binaryOp, affineOp, chainedOp]);

export class ChainWriter {
  readonly #scalarSteps: Step[] = [];
  readonly #laneSteps: Step[] = [];
  readonly #lanes = new Map<Tensor, Value>();
  readonly #scalars = new Map<Tensor, Value>();
  readonly #constants = new Map<number, Value>();
  readonly #sums: Tensor[] = [];
  #scalarCount = 0;

  /**
   * `actual` gives the tensor that holds a value which was made outside of the chain; `again` tells which no tensor
   * holds: they are computed in each chain.
   */
  constructor(
    private readonly count: number,
    private readonly actual: (t: Tensor) => Tensor,
    private readonly again: (t: Tensor) => boolean,
  ) {}

  add(node: Node): void {
    const [x, y, z] = node.inputs, { fn, scale, shift, value } = node.attrs;
    const result = (v: Value) => this.#lanes.set(node.outputs[0], v);
    if (node.op === unaryOp) result(this.#lane(UNARY[fn], x));
    else if (node.op === binaryOp) result(this.#binary(BINARY[fn], x, y, node.outputs[0].shape));
    else if (node.op === affineOp) result(this.#affine(x, scale, shift));
    else if (node.op === castOp) result(this.#value(x));
    else if (node.op === chainedOp) result(this.#lane(CHAINED[fn], ...[x, y, z].filter((t) => t)));
    else if (node.op === dequantizeOp) result(this.#step("dequantize", [], x, { more: [y, z] }));
    else if (node.op === quantizeOp) this.#quantize(node.inputs);
    else if (node.op === sumOp) this.#sum(x, node.outputs[0]);
    else if (node.op === fillOp) this.#store(x, this.#constant(value));
    else if (node.op === copyOp) this.#write(x, y);
    else if (node.op === accumulateOp) {
      this.#store(
        x,
        this.#step("add", [node.attrs.fresh ? this.#constant(0) : this.#value(x), this.#value(y)]),
      );
    } else throw new TypeError(`${node.op?.name} cannot be part of a chain`);
  }

  /** Null where the chain is longer, or needs more operands or registers, than an instruction may have. */
  finish(results: readonly Tensor[]): Chain | null {
    const values = results.filter((t) => !this.#sums.includes(t));
    for (const t of values) {
      this.#laneSteps.push({ step: "store", to: null, from: [this.#value(t)], operand: t });
    }
    return encodeChain(this.#scalarSteps, joinProducts(this.#laneSteps), values, this.#sums);
  }

  #sum(x: Tensor, output: Tensor): void {
    this.#laneSteps.push({ step: "sum", to: null, from: [this.#value(x)], operand: output });
    this.#sums.push(output);
  }

  #affine(x: Tensor, scale: number, shift: number): Value {
    let value = this.#value(x);
    if (scale !== 1) value = this.#step("mul", [value, this.#constant(scale)]);
    return shift === 0 ? value : this.#step("add", [value, this.#constant(shift)]);
  }

  #binary(step: ChainStep, a: Tensor, b: Tensor, shape: Shape): Value {
    const value = (t: Tensor) => {
      const count = elements(t.shape);
      return count === this.count || count === 1 ? this.#value(t) : this.#spread(t, shape);
    };
    return this.#step(step, [value(a), value(b)]);
  }

  #spread(t: Tensor, shape: Shape): Value {
    return this.#step("spread", [], this.actual(t), { word: elementsBehind(t.shape, shape)! });
  }

  #lane(step: ChainStep, ...inputs: Tensor[]): Value {
    return this.#step(step, inputs.map((t) => this.#value(t)));
  }

  #step(
    step: ChainStep,
    from: readonly Value[],
    operand?: Tensor,
    more: Pick<Step, "more" | "word"> = {},
  ): Value {
    const to: Value = { kind: "register" };
    this.#laneSteps.push({ step, to, from, operand, ...more });
    return to;
  }

  #quantize([codes, absmax, map, value, going]: readonly Tensor[]): void {
    const from = [this.#value(value), this.#scalar(going)];
    this.#laneSteps.push({ step: "quantize", to: null, from, operand: codes, more: [absmax, map] });
  }

  /** A value that is the target itself where a scalar is 0 is written only where it is not. */
  #write(target: Tensor, value: Tensor): void {
    const { op, attrs, inputs: [chosen, other, condition] } = value.node;
    const held = op === chainedOp && CHAINED[attrs.fn] === "select" && other === target &&
      elements(condition.shape) === 1 && this.count > 1 && this.#lanes.has(value);
    if (!held) return this.#store(target, this.#value(value));
    const last = this.#laneSteps.at(-1);
    if (last?.to && last.to === this.#lanes.get(value)) this.#laneSteps.pop();
    this.#lanes.delete(value);
    const from = [this.#value(chosen), this.#scalar(condition)];
    this.#laneSteps.push({ step: "storeIf", to: null, from, operand: this.actual(target) });
    this.#lanes.delete(target);
  }

  /** What is read of the target afterwards is the value, which need not come from memory. */
  #store(target: Tensor, value: Value): void {
    this.#laneSteps.push({ step: "store", to: null, from: [value], operand: this.actual(target) });
    if (target.dtype === "f32" && value.kind === "register") this.#lanes.set(target, value);
    else this.#lanes.delete(target);
  }

  /** Operands of f32 are read in place, those of 16 bits through a register. */
  #value(t: Tensor): Value {
    const known = this.#lanes.get(t);
    if (known) return known;
    if (elements(t.shape) === 1 && this.count > 1) return this.#scalar(t);
    if (this.again(t)) {
      this.add(t.node);
      return this.#lanes.get(t)!;
    }
    const operand = this.actual(t);
    return t.dtype === "f32" ? { kind: "array", operand } : this.#step("load", [], operand);
  }

  /** One value for all lanes: what was made by arithmetic on scalars is computed again here. */
  #scalar(t: Tensor): Value {
    const known = this.#scalars.get(t);
    if (known) return known;
    const value = madeAnywhere(t) ? this.#scalarOf(t.node) : this.#element(t, 0);
    this.#scalars.set(t, value);
    return value;
  }

  #scalarOf({ op, source, inputs, attrs }: Node): Value {
    if (source?.kind === "constant") return this.#constant(source.data[0]);
    if (op === sliceOp) return this.#element(inputs[0], attrs.start);
    const from = inputs.map((x) => this.#scalar(x));
    if (op === reshapeOp) return from[0];
    if (op !== affineOp) {
      const names = op === unaryOp ? UNARY : op === binaryOp ? BINARY : CHAINED;
      return this.#scalarStep(names[attrs.fn], from);
    }
    const scaled = this.#scalarStep("mul", [from[0], this.#constant(attrs.scale)]);
    return this.#scalarStep("add", [scaled, this.#constant(attrs.shift)]);
  }

  #element(t: Tensor, word: number): Value {
    return this.#scalarStep("element", [], { operand: this.actual(t), word });
  }

  #constant(x: number): Value {
    const bits = new Int32Array(Float32Array.of(x).buffer)[0];
    const known = this.#constants.get(bits);
    if (known) return known;
    const value = this.#scalarStep("constant", [], { word: bits });
    this.#constants.set(bits, value);
    return value;
  }

  #scalarStep(step: ChainStep, from: readonly Value[], more: Pick<Step, "operand" | "word"> = {}): Value {
    const to: Value = { kind: "scalar", index: this.#scalarCount++ };
    this.#scalarSteps.push({ step, to, from, ...more });
    return to;
  }
}

/** Longer arithmetic is not done again: that of a norm over hundreds of groups. */
const MOST_AGAIN = 16;

/** Whether a scalar is worth computing within the chain, and has the same value there: no parameter is read. */
function madeAnywhere(t: Tensor): boolean {
  const { op, source, inputs } = t.node;
  if (source) return source.kind === "constant";
  if (op === sliceOp) return inputs[0].node.source?.kind !== "parameter" && inputs[0].shape.length === 1;
  return SCALAR_OPS.has(op!) && stepsOf(t) <= MOST_AGAIN &&
    inputs.every((x) => elements(x.shape) === 1 && x.dtype === "f32" && x.node.source?.kind !== "parameter");
}

/** Steps that computing a scalar again takes; counting ends beyond the most. */
function stepsOf({ node: { op, inputs } }: Tensor): number {
  if (!op || !SCALAR_OPS.has(op)) return 1;
  let steps = 1;
  for (const x of inputs) if (steps <= MOST_AGAIN) steps += stepsOf(x);
  return steps;
}
