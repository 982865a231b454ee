/**
 * Whether the weights that an update would make can be anything but finite. Going over all weights, gradients and states to
 * see it takes as much memory traffic as half of the update; mostly it can be known before: gradients that are clipped are
 * no larger than the norm that they are clipped to, weights and states were within known bounds after the last step, and
 * the optimizer's formula keeps them within others (graph/bounds.ts).
 */
import {
  between,
  both,
  bounded,
  type Bounds,
  boundsOf,
  exactly,
  Graph,
  largest,
  type Tensor,
} from "../../../graph/mod.ts";
import type { ParameterStore } from "../../../runtime/mod.ts";
import type { Rule } from "../../optimizers/mod.ts";
import { type Extent, extentOf, held, kept } from "./extent.ts";
import type { Due, StepState } from "../step_state.ts";
import { groupSize, tensorsOf } from "../trainable.ts";
import type { UpdateOptions, UpdateWay } from "../recorded/update.ts";

/** Squares of all weights are added up in float32. */
const MOST_SQUARE = 1e38;

/** What one run knows of its weights and states from step to step. */
export class Certainty {
  /** How most updates are made. */
  readonly usual: UpdateWay;
  #extent: Extent | null = null;
  #next: Extent | null = null;
  #writes = -1;
  /** Whether it is worth knowing: not any more once what was just measured has not been enough. */
  #worth: boolean;
  #measured = false;

  constructor(private readonly store: ParameterStore, private readonly options: UpdateOptions) {
    this.#worth = foreseeable(options);
    this.usual = this.#worth ? "foreseen" : "checked";
  }

  /** How the update with these inputs is to be made. */
  wayOf(state: StepState, due: Due): UpdateWay {
    if (this.store.writes !== this.#writes) this.#extent = null; // somebody set weights or states
    this.#next = this.#extent && extentAfter(this.options, state, due, this.#extent);
    if (this.#extent && !this.#next && this.#measured) this.#worth = false;
    return this.#next ? "foreseen" : "checked";
  }

  /** That update was made. `measure` runs recordExtent()'s program. */
  async made(weightSquare: number, measure: () => Promise<ArrayLike<number>>): Promise<void> {
    const { groups, optimizer } = this.options;
    this.#measured = !this.#next && this.#worth;
    this.#extent = this.#measured ? extentOf(groups, optimizer, weightSquare, await measure()) : this.#next;
    this.#writes = this.store.writes;
  }
}

/** Whether anything can be known: gradients are clipped, the formula keeps numbers of a usual size, nothing else moves weights. */
function foreseeable(options: UpdateOptions): boolean {
  const { maxGradNorm, clipped, optimizer, afterUpdate } = options;
  return maxGradNorm > 0 && (clipped ?? []).every((each) => each) && !afterUpdate &&
    (!optimizer.stateShape || keeps(options));
}

/** Whether an early step of the formula leaves something bounded, of numbers up to 1. */
function keeps(options: UpdateOptions): boolean {
  const { optimizer, maxGradNorm } = options, unit = between(0, 1);
  const states = Object.fromEntries(Object.keys(optimizer.states).map((name) => [name, unit]));
  const hyper = optimizer.hyper({ lr: 1e-4, step: 2, running: optimizer.running?.start ?? {} });
  const next = formulaBounds(
    options,
    { weight: unit, states },
    maxGradNorm,
    hyper,
    optimizer.shared?.numbers ?? {},
  );
  return [next.weight, ...Object.values(next.states)].every(bounded);
}

/**
 * Weights and states after an update whose input is `due`, from what they are before; null where a weight could be no finite
 * number, or the squares of all could add up to none.
 */
function extentAfter(options: UpdateOptions, state: StepState, due: Due, before: Extent): Extent | null {
  const { groups, optimizer, maxGradNorm } = options, [unscale] = due.inputs.unscale;
  if (!(unscale <= 1)) return null; // what is scaled up may have had squares of 0
  let after = before;
  for (const [i, moment] of due.moments.entries()) {
    if (!due.moved[i]) continue;
    const numbers = optimizer.shared?.each ? state.running[i] : state.numbers;
    const next = formulaBounds(
      options,
      before,
      1.001 * maxGradNorm + 1e-20,
      optimizer.hyper(moment),
      numbers,
    );
    const stored = groups.map(({ dtype = "f32" }) => held(next.weight, dtype));
    after = {
      weight: [next.weight, ...stored].reduce(both, after.weight),
      states: Object.fromEntries(
        Object.entries(after.states).map(([name, was]) => [
          name,
          both(was, kept(optimizer, name, next.states[name] ?? was)),
        ]),
      ),
    };
  }
  const count = groups.reduce((n, group) => n + groupSize(group), 0);
  const fine = [after.weight, ...Object.values(after.states)].every(bounded);
  return fine && count * largest(after.weight) ** 2 < MOST_SQUARE ? after : null;
}

/** The optimizer's formula, one number of each kind through it, or with `stateShape` the shapes of all parameters. */
function formulaBounds(
  { optimizer, groups }: UpdateOptions,
  before: Extent,
  gradient: number,
  hyper: Readonly<Record<string, number>>,
  numbers: Readonly<Record<string, number>>,
): Extent {
  const shapes = optimizer.stateShape
    ? groups.flatMap(({ parameters }) => parameters.flatMap(tensorsOf).map(({ shape }) => shape))
    : [[1]];
  const different = new Map(shapes.map((shape) => [shape.join(), shape]));
  const found = [...different.values()].map((shape) =>
    boundsOfShape(optimizer, shape, before, gradient, hyper, numbers)
  );
  const names = Object.keys(before.states);
  return {
    weight: found.map(({ weight }) => weight).reduce(both),
    states: Object.fromEntries(names.flatMap((name) => {
      const all = found.flatMap(({ states }) => states[name] ?? []);
      return all.length ? [[name, all.reduce(both)]] : [];
    })),
  };
}

function boundsOfShape(
  optimizer: Rule,
  shape: readonly number[],
  { weight, states }: Extent,
  gradient: number,
  hyper: Readonly<Record<string, number>>,
  numbers: Readonly<Record<string, number>>,
): Extent {
  const graph = new Graph(), known = new Map<Tensor, Bounds>();
  const source = (name: string, bounds: Bounds, shape: readonly number[] = [1]) => {
    const t = graph.input(name, [...shape]);
    known.set(t, bounds);
    return t;
  };
  const shapeOf = (state: string) => optimizer.stateShape ? optimizer.stateShape(state, shape) : shape;
  const sources = (prefix: string, of: Readonly<Record<string, Bounds>>) =>
    Object.fromEntries(
      Object.entries(of).map(([name, bounds]) => [name, source(`${prefix}.${name}`, bounds)]),
    );
  const exact = (of: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(of).map(([name, x]) => [name, exactly(Math.fround(x))]));
  const group = {
    weight: source("weight", weight, shape),
    grad: source("grad", between(-gradient, gradient), shape),
    state: Object.fromEntries(
      Object.entries(states).flatMap(([name, bounds]) => {
        const own = shapeOf(name);
        return own ? [[name, source(`state.${name}`, bounds, own)]] : [];
      }),
    ),
    hyper: sources("hyper", exact(hyper)),
    numbers: sources("numbers", exact(numbers)),
  };
  const sums = optimizer.shared?.sums(group) ?? {};
  const next = optimizer.shared?.advance({
    ...group,
    sums: Object.fromEntries(
      Object.keys(sums).map((name) => [name, source(`sum.${name}`, between(-Infinity, Infinity))]),
    ),
  }) ?? {};
  // numbers that are not finite hold the update back
  const nextKnown = boundsOf(Object.values(next), (t) => known.get(t)!);
  const limited = Object.fromEntries(
    Object.keys(next).map((
      name,
      k,
    ) => [name, between(Math.max(nextKnown[k].low, -3.4e38), Math.min(nextKnown[k].high, 3.4e38))]),
  );
  const made = optimizer.update({ ...group, next: sources("next", limited) });
  const names = Object.keys(made).filter((name) => made[name]);
  const found = boundsOf(names.map((name) => made[name]!), (t) => known.get(t)!);
  const { weight: after, ...rest } = Object.fromEntries(names.map((name, k) => [name, found[k]]));
  return { weight: after, states: rest };
}
