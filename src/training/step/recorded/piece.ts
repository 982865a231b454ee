/** One piece of an update: a group's weights or one parameter, what its step would leave, and the step. */
import {
  add,
  affine,
  cast,
  concat,
  dither,
  div,
  fill,
  finite,
  type Graph,
  minimum,
  mul,
  reshape,
  select,
  slice,
  square,
  sum,
  type Tensor,
  write,
} from "../../../graph/mod.ts";
import type { Device } from "../../../runtime/mod.ts";
import type { Group, Numbers, Operands, Rule } from "../../optimizers/mod.ts";
import type { States } from "../states.ts";

/** What one update goes over: a whole group, or each of its parameters, or of these each part. */
export interface Piece {
  /** The parameter; its parts have it in common, and follow each other. */
  readonly target: Tensor;
  /** Its values in float32. */
  readonly weight: Tensor;
  readonly grad: Tensor;
  /** The gradient of the whole parameter. */
  readonly gradients: Tensor;
  readonly states: States;
  /** A parameter of 16 bits is rounded at random with this number. */
  readonly seed?: Tensor;
  /** The gradient is 0 after the step. */
  readonly clears?: boolean;
}

/** A parameter as an update sees it. */
export function valuesOf(
  target: Tensor,
  gradients: Tensor,
): Pick<Piece, "target" | "weight" | "grad" | "gradients"> {
  return { target, weight: cast(target, "f32"), grad: gradients, gradients };
}

/** The same of each of its parts. */
export function partValues(target: Tensor, gradients: Tensor, parts = 1): ReturnType<typeof valuesOf>[] {
  const whole = valuesOf(target, gradients), rows = target.shape[0] / parts;
  if (parts === 1) return [whole];
  const part = (all: Tensor, k: number) => slice(all, 0, k * rows, rows);
  return Array.from(
    { length: parts },
    (_, k) => ({ ...whole, weight: part(whole.weight, k), grad: part(gradients, k) }),
  );
}

/** Pieces of the same parameter together. */
export function together<P extends Piece>(pieces: readonly P[]): P[][] {
  return [...Map.groupBy(pieces, ({ target }) => target).values()];
}

export interface Work extends Piece {
  /** All numbers of the step. */
  readonly hyper: Tensor;
  /** What gradients are multiplied by; not finite where nothing is to be written. */
  readonly scale: Tensor;
}

/** Another number for each piece of a step, of the input `dither_seed`. */
export function ditherSeeds(graph: Graph): () => Tensor {
  const seed = graph.input("dither_seed", [1]);
  let count = 0;
  return () => affine(seed, 1, 1009 * count++);
}

/** The numbers of a group as one array: an instruction has few operands, and states of 8 bits are three each. */
export function packing({ eightBit }: Rule): (work: Work) => Work {
  const packed = new Map<Tensor, Tensor>();
  return (work) => {
    if (!eightBit) return work;
    const hyper = packed.get(work.scale) ?? concat([work.hyper, work.scale], 0);
    packed.set(work.scale, hyper);
    return { ...work, hyper, scale: slice(hyper, 0, hyper.shape[0] - 1, 1) };
  };
}

/** What gradients of this norm are multiplied by, so that it is `most` and not more. */
export function clipping(norm: Tensor, most: number): Tensor {
  const constant = (x: number) => norm.graph.constant(Float32Array.of(x), [1]);
  return minimum(div(constant(most), affine(norm, 1, 1e-6)), constant(1));
}

/** How weights step, as far as it decides about the rule. */
export interface Manner {
  /** Each tensor has a norm of its own. */
  readonly clipEach?: boolean;
  /** Weights step within the backward program. */
  readonly fused?: boolean;
}

/**
 * On a CPU every update is a chain: as machine code that is no slower than an instruction of the optimizer's own, and it
 * clears gradients in the same pass, where they are cleared. With `clipEach` or `fused` each tensor has an update of its own.
 */
export function suited(rule: Rule, { clipEach, fused }: Manner, device: Pick<Device, "info">): Rule {
  const chained = device.info().backend === "cpu" ? { ...rule, instruction: undefined } : rule;
  return clipEach || fused
    ? { ...chained, stateShape: chained.stateShape ?? ((_, shape) => shape) }
    : chained;
}

export type Step = (operands: Work) => Group;

/** Sums of squares of the weights that makeStep() would leave. */
export function outcome({ instruction, update }: Rule, operands: Work, step: Step): Tensor {
  if (instruction && plain(operands)) return instruction.outcome(operandsOf(operands));
  return square(select(finite(operands.scale), update(step(operands)).weight, operands.weight));
}

/**
 * The weight and the states after the step of one parameter, whose pieces `works` are, are written where the scale is
 * finite.
 */
export function makeStep({ instruction, update }: Rule, works: readonly Work[], step: Step): void {
  const [{ target, gradients, clears }] = works;
  const clear = () => clears && fill(gradients, 0);
  if (instruction && plain(works[0])) {
    instruction.step(operandsOf(works[0]));
    clear();
    return;
  }
  const next = works.map((work) => {
    const group = step(work), going = finite(work.scale), { seed } = work;
    const keep: Group["keep"] = (name, value) => work.states.keep?.(name, value, going) ?? value;
    const { weight, ...states } = update({ ...group, keep });
    return {
      weight: select(going, seed ? dither(weight, seed) : weight, group.weight),
      write: () => work.states.write(states, going),
    };
  });
  const weights = next.map(({ weight }) => weight);
  write(target, weights.length === 1 ? weights[0] : concat(weights, 0));
  clear(); // beside the weight, so that one chain goes over both, whatever the states' shapes
  for (const each of next) each.write();
}

/** An instruction goes over parameters of float32 where they lie. */
const plain = ({ target, grad, gradients }: Work) => target.dtype === "f32" && grad === gradients;
const operandsOf = (work: Work): Operands => ({ ...work, state: work.states.read() });

/** The numbers of a step in their order. */
export const hyperNames = ({ hyper, running }: Rule) =>
  Object.keys(hyper({ lr: 1, step: 1, running: running?.start ?? {} }));

export function groupOf(optimizer: Rule, operands: Work): Omit<Group, "numbers" | "next"> {
  return {
    weight: operands.weight,
    state: operands.states.read(),
    grad: mul(operands.grad, operands.scale),
    hyper: named(hyperNames(optimizer), operands.hyper),
  };
}

/** The elements of an array by name. */
export function named(names: readonly string[], values: Tensor): Numbers {
  return Object.fromEntries(names.map((name, k) => [name, slice(values, 0, k, 1)]));
}

/** The sum of everything, one value. Each part is summed up before the next one is recorded, and need not be kept. */
export function total(parts: IteratorObject<Tensor>): Tensor {
  return parts.map((part) => reshape(sum(part), [1])).reduce((a, b) => add(a, b));
}

/** `of`, asked once for each argument. */
export function memo<T, U>(of: (from: T) => U): (from: T) => U {
  const known = new Map<T, U>();
  return (from) => {
    if (!known.has(from)) known.set(from, of(from));
    return known.get(from)!;
  };
}
