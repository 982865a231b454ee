/** The optimizer's program: the gradients' norm, clipping, the optimizer's formula for every group, clean gradients. */
import {
  add,
  affine,
  div,
  fill,
  finite,
  Graph,
  minimum,
  mul,
  reshape,
  select,
  slice,
  sqrt,
  square,
  sum,
  type Tensor,
  write,
} from "../graph/mod.ts";
import type { ParameterStore } from "../runtime/mod.ts";
import type { Group, Operands, Rule } from "./optimizers/mod.ts";
import { flat, groupSize, type ParameterGroup } from "./trainable.ts";

export interface UpdateOptions {
  readonly groups: readonly ParameterGroup[];
  readonly optimizer: Rule;
  /** Gradients are scaled down to this norm; 0 leaves them alone. */
  readonly maxGradNorm: number;
  /** Keeps a running average of the trained parameters (flat.averages), which the caller sets at first. */
  readonly averaging?: boolean;
  /** Records what is done to the parameters after each update; its values come back with the update. */
  readonly afterUpdate?: (graph: Graph) => Readonly<Record<string, Tensor>>;
}

/** How the optimizer's program is compiled: a formula of any length is to go over memory once. */
export const UPDATE = { chains: true } as const;

/**
 * Inputs: `unscale`, and `hyper.I` and `hold.I` of each group, where NaN leaves the group as it is; `average_decay` with
 * averaging. Outputs: `grad_norm`, `weight_square` and those of afterUpdate.
 */
export function recordUpdate(options: UpdateOptions): Graph {
  const { groups, optimizer, maxGradNorm, averaging, afterUpdate } = options;
  const graph = new Graph();
  const at = (of: (index: number) => string, i: number) => graph.parameter(of(i), [groupSize(groups[i])]);
  const unscale = graph.input("unscale", [1]);
  const norm = mul(sqrt(gradientSquare(graph, groups)), unscale);
  let scale = unscale;
  if (maxGradNorm > 0) {
    const constant = (x: number) => graph.constant(Float32Array.of(x), [1]);
    scale = mul(scale, minimum(div(constant(maxGradNorm), affine(norm, 1, 1e-6)), constant(1)));
  }
  const states = Object.keys(optimizer.states);
  const count = Object.keys(optimizer.hyper({ lr: 1, step: 1 })).length;
  const operands = groups.map((_, i): Operands => ({
    weight: at(flat.weights, i),
    grad: at(flat.gradients, i),
    states: states.map((name) => at((index) => flat.state(index, name), i)),
    hyper: graph.input(`hyper.${i}`, [count]),
    scale: add(scale, graph.input(`hold.${i}`, [1])),
  }));
  // every group's outcome is known before one of them changes, so that none or all do
  const weightSquare = total(operands.map((each) => outcome(optimizer, each)));
  // 0 * x is NaN where x is not finite, which makes the optimizer skip
  const held = affine(add(norm, weightSquare), 0, 0);
  const decay = averaging ? graph.input("average_decay", [1]) : null;
  operands.forEach((each, i) => {
    const { weight, grad } = each;
    makeStep(optimizer, { ...each, scale: add(each.scale, held) });
    fill(grad, 0);
    if (decay) {
      const average = at(flat.averages, i);
      write(average, add(mul(average, decay), mul(weight, affine(decay, -1, 1))));
    }
  });
  graph.output("grad_norm", norm);
  graph.output("weight_square", weightSquare);
  for (const [name, value] of Object.entries(afterUpdate?.(graph) ?? {})) graph.output(name, value);
  return graph;
}

/** Clears the gradients, and tells their norm. */
export function recordDiscard(groups: readonly ParameterGroup[]): Graph {
  const graph = new Graph();
  graph.output("grad_norm", sqrt(gradientSquare(graph, groups)));
  groups.forEach((group, i) => fill(graph.parameter(flat.gradients(i), [groupSize(group)]), 0));
  return graph;
}

/** Gives the store the optimizer's states, as they begin. */
export function allocateStates(store: ParameterStore, { groups, optimizer }: UpdateOptions): void {
  groups.forEach((group, i) => {
    for (const [name, start] of Object.entries(optimizer.states)) {
      const key = flat.state(i, name), size = groupSize(group);
      if (!store.has(key)) store.allocate(key, [size], "f32");
      if (start !== 0) store.set(key, new Float32Array(size).fill(start));
    }
  });
}

/** Sums of squares of the weights that makeStep() would leave. */
function outcome({ instruction, ...optimizer }: Rule, operands: Operands): Tensor {
  if (instruction) return instruction.outcome(operands);
  const { weight } = optimizer.update(groupOf(optimizer, operands));
  return square(select(finite(operands.scale), weight, operands.weight));
}

/** The weight and the states after the step are written where the scale is finite. */
function makeStep({ instruction, ...optimizer }: Rule, operands: Operands): void {
  if (instruction) return instruction.step(operands);
  const group = groupOf(optimizer, operands), going = finite(operands.scale);
  const { weight, ...states } = optimizer.update(group);
  write(group.weight, select(going, weight, group.weight));
  for (const [name, value] of Object.entries(states)) {
    if (value) write(group.state[name], select(going, value, group.state[name]));
  }
}

function groupOf({ states, hyper }: Rule, operands: Operands): Group<string, string> {
  const names = Object.keys(hyper({ lr: 1, step: 1 }));
  return {
    weight: operands.weight,
    grad: mul(operands.grad, operands.scale),
    state: Object.fromEntries(Object.keys(states).map((name, k) => [name, operands.states[k]])),
    hyper: Object.fromEntries(names.map((name, k) => [name, slice(operands.hyper, 0, k, 1)])),
  };
}

/** The square of the norm of all gradients, one value. */
function gradientSquare(graph: Graph, groups: readonly ParameterGroup[]): Tensor {
  return total(groups.map((group, i) => square(graph.parameter(flat.gradients(i), [groupSize(group)]))));
}

/** The sum of everything, one value. */
function total(parts: readonly Tensor[]): Tensor {
  return parts.map((part) => reshape(sum(part), [1])).reduce((a, b) => add(a, b));
}
