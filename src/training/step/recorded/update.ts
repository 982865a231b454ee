/**
 * The optimizer's program: the gradients' norm, clipping, the step of every group, running averages. Whatever is not
 * finite is known before anything is written, so that all groups step or none does.
 */
import {
  add,
  affine,
  cast,
  concat,
  fill,
  finite,
  Graph,
  mul,
  reshape,
  select,
  sqrt,
  square,
  sum,
  type Tensor,
  write,
} from "../../../graph/mod.ts";
import type { Numbers, Rule } from "../../optimizers/mod.ts";
import {
  clipping,
  ditherSeeds,
  groupOf,
  hyperNames,
  makeStep,
  memo,
  named,
  outcome,
  packing,
  partValues,
  type Piece,
  together,
  total,
  valuesOf,
  type Work,
} from "./piece.ts";
import { type Maps, parameterStates, plainStates, recordMaps } from "../states.ts";
import {
  flat,
  gradientOf,
  groupSize,
  type ParameterGroup,
  type Resting,
  tensorsOf,
  weightOf,
} from "../trainable.ts";

export interface UpdateOptions {
  readonly groups: readonly ParameterGroup[];
  readonly optimizer: Rule;
  /** Batches between two updates, whose gradients are added up. */
  readonly gradientAccumulationSteps: number;
  /** Gradients are scaled down to this norm; 0 leaves them alone. */
  readonly maxGradNorm: number;
  /** Every tensor's gradient is scaled down by its own norm, and not all by the norm of all. */
  readonly clipEach?: boolean;
  /** Groups whose gradients are scaled down, by the norm of these alone; absent: all. */
  readonly clipped?: readonly boolean[];
  /** What has gradients and does not step: these count in the norm, in float32 steps that clip by the norm of all. */
  readonly resting?: readonly Resting[];
  /** Keeps a running average of the trained parameters (flat.averages), which the caller sets at first. */
  readonly averaging?: boolean;
  /** Weights of 16 bits are rounded at random: `dither_seed` is another input, a whole number below 2^20. */
  readonly dithered?: boolean;
  /** Records what is done to the parameters after each update; its values come back with the update. */
  readonly afterUpdate?: (graph: Graph) => Readonly<Record<string, Tensor>>;
}

/** Decay of the running average at step `t`, counted from 0: a young average forgets its random start quickly. */
export const averageDecay = (most: number | null | undefined, t: number): number =>
  Math.min(most ?? 0, (1 + t) / (10 + t));

/** Whether gradients of several batches are added up, and cleared by the update; else each batch writes them. */
export const gathers = ({ gradientAccumulationSteps: steps }: UpdateOptions) => steps > 1;

/** How the optimizer's program is compiled: a formula of any length is to go over memory once. */
export const UPDATE = { chains: true } as const;

/** What is done about weights that would not be finite, see recordUpdate(). */
export type UpdateWay = "checked" | "foreseen";

/**
 * Inputs are `unscale`, by which gradients are multiplied; for each group i its numbers of the step, `hyper.i`, and
 * `hold.i`, NaN where it is to stay as it is, else 0; `numbers` of an optimizer that has some over all groups, or
 * `numbers.i` of each, which come back under that name as they are after the step; and `average_decay` with averaging.
 * An update that is foreseen to leave finite weights (foreseen/certain.ts) does not look whether it does; the step itself is
 * the same to the last bit.
 */
export function recordUpdate(options: UpdateOptions, way: UpdateWay = "checked"): Graph {
  const {
    groups,
    optimizer,
    maxGradNorm,
    clipEach,
    clipped: chosen,
    averaging,
    afterUpdate,
    dithered,
    resting = [],
  } = options;
  const graph = new Graph();
  const at = (of: (index: number) => string, i: number) => graph.parameter(of(i), [groupSize(groups[i])]);
  const weights = (i: number) => graph.parameter(flat.weights(i), [groupSize(groups[i])], groups[i].dtype);
  const unscale = graph.input("unscale", [1]);
  const norm = mul(sqrt(gradientSquare(graph, groups, chosen, resting)), unscale);
  const clipped = (norm: Tensor) => maxGradNorm > 0 ? mul(unscale, clipping(norm, maxGradNorm)) : unscale;
  const scale = clipped(norm);
  const ownScale = (grad: Tensor) => clipped(mul(sqrt(total([square(grad)].values())), unscale));
  const count = hyperNames(optimizer).length;
  let constants: Maps | undefined;
  const maps = () => constants ??= recordMaps(graph);
  const seeds = dithered ? ditherSeeds(graph) : undefined;
  const operands = groups.map((group, i) => {
    const hyper = graph.input(`hyper.${i}`, [count]), hold = graph.input(`hold.${i}`, [1]);
    const common = add(chosen && !chosen[i] ? unscale : scale, hold), pack = packing(optimizer);
    return pieces(graph, optimizer, group, i, maps).map((piece): Work =>
      pack({ ...piece, hyper, scale: clipEach ? add(ownScale(piece.grad), hold) : common, seed: seeds?.() })
    );
  });
  const { shared } = optimizer, apart = shared?.each ?? false;
  const advanced = (apart ? operands : [operands.flat()]).map((works, i) =>
    advance(graph, optimizer, works, apart ? `numbers.${i}` : "numbers")
  );
  const stepOf = (i: number) => (each: Work) => ({
    ...groupOf(optimizer, each),
    ...advanced[apart ? i : 0],
  });
  // every group's outcome is known before one of them changes, so that none or all do
  const works = operands.flatMap((group, i) => group.map((each) => ({ each, step: stepOf(i) })));
  const outcomes = way === "foreseen"
    ? affine(norm, 0, 0)
    : total(works.values().map(({ each, step }) => outcome(optimizer, each, step)));
  // 0 * x is NaN where x is not finite, which makes the optimizer skip
  const weightSquare = advanced.flatMap(({ next }) => Object.values(next))
    .reduce((sum, number) => add(sum, affine(number, 0, 0)), outcomes);
  const broken = affine(add(norm, weightSquare), 0, 0);
  const decay = averaging ? graph.input("average_decay", [1]) : null;
  operands.forEach((group, i) => {
    const pack = packing(optimizer), held = memo((scale: Tensor) => add(scale, broken));
    const going = (each: Work) => pack({ ...each, scale: held(each.scale), clears: gathers(options) });
    for (const same of together(group)) makeStep(optimizer, same.map(going), stepOf(i));
    if (decay) {
      const average = at(flat.averages, i);
      write(average, add(mul(average, decay), mul(cast(weights(i), "f32"), affine(decay, -1, 1))));
    }
  });
  resting.forEach((each, i) => recordResting(graph, each, i, clipped(norm)));
  graph.output("grad_norm", norm);
  graph.output("weight_square", weightSquare);
  const names = Object.keys(shared?.numbers ?? {});
  advanced.forEach(({ next }, i) => {
    if (!shared) return;
    graph.output(apart ? `numbers.${i}` : "numbers", concat(names.map((name) => next[name]), 0));
  });
  for (const [name, value] of Object.entries(afterUpdate?.(graph) ?? {})) graph.output(name, value);
  return graph;
}

/** What of resting gradients is there at the next step: nothing, or as clipped as the others. */
function recordResting(graph: Graph, resting: Resting, i: number, scale: Tensor): void {
  const grads = graph.parameter(flat.resting(i), [groupSize(resting)]);
  if (resting.gathers) write(grads, mul(grads, scale));
  else fill(grads, 0);
}

/** Clears the gradients, and tells their norm. */
export function recordDiscard(groups: readonly ParameterGroup[]): Graph {
  const graph = new Graph();
  graph.output("grad_norm", sqrt(gradientSquare(graph, groups)));
  groups.forEach((group, i) => fill(graph.parameter(flat.gradients(i), [groupSize(group)]), 0));
  return graph;
}

function pieces(graph: Graph, optimizer: Rule, group: ParameterGroup, i: number, maps: () => Maps): Piece[] {
  if (optimizer.stateShape || optimizer.eightBit) {
    return group.parameters.flatMap((p) => {
      const gradients = graph.parameter(gradientOf(p.name), p.shape), parts = tensorsOf(p);
      return partValues(weightOf(graph, group, p), gradients, parts.length).map((values, k) => ({
        ...values,
        states: parameterStates(graph, optimizer, i, parts[k], maps()),
      }));
    });
  }
  const at = (name: string) => graph.parameter(name, [groupSize(group)]);
  const states = Object.keys(optimizer.states).map((name) => [name, at(flat.state(i, name))]);
  return [{
    ...valuesOf(graph.parameter(flat.weights(i), [groupSize(group)], group.dtype), at(flat.gradients(i))),
    states: plainStates(Object.fromEntries(states)),
  }];
}

/** The optimizer's numbers over all groups before the step and after it. What is held adds nothing to them. */
function advance(
  graph: Graph,
  optimizer: Rule,
  operands: readonly Work[],
  input: string,
): { numbers: Numbers; next: Numbers } {
  const { shared } = optimizer;
  if (!shared) return { numbers: {}, next: {} };
  const names = Object.keys(shared.numbers);
  const numbers = named(names, graph.input(input, [names.length]));
  const nothing = graph.constant(Float32Array.of(0), [1]);
  const parts = operands.map((each) => {
    const going = finite(each.scale), sums = shared.sums({ ...groupOf(optimizer, each), numbers });
    return mapValues(sums, (value) => reshape(sum(select(going, value, nothing)), [1]));
  });
  const sums = parts.reduce((a, b) => mapValues(a, (value, name) => add(value, b[name])));
  const { hyper } = groupOf(optimizer, operands[0]);
  return { numbers, next: shared.advance({ numbers, sums, hyper }) };
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  of: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value, name)]));
}

/** The square of the norm of all gradients, or of those of the chosen groups, one value. */
function gradientSquare(
  graph: Graph,
  groups: readonly ParameterGroup[],
  chosen: readonly boolean[] = groups.map(() => true),
  resting: readonly Resting[] = [],
): Tensor {
  const squares = (name: string, group: Pick<ParameterGroup, "parameters">) =>
    square(graph.parameter(name, [groupSize(group)]));
  const found = groups.flatMap((group, i) => chosen[i] ? [squares(flat.gradients(i), group)] : []);
  const others = resting.map((each, i) => squares(flat.resting(i), each));
  return total([...found, ...others].values());
}
