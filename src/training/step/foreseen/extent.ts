/** Between which numbers weights and states lie: recorded on the device, and what rounding makes of it. */
import {
  abs,
  add,
  between,
  both,
  bounded,
  type Bounds,
  concat,
  Graph,
  largest,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
} from "../../../graph/mod.ts";
import type { Rule } from "../../optimizers/mod.ts";
import { sizeOfArray, stateArrays } from "../states.ts";
import type { ParameterGroup } from "../trainable.ts";

/** Bounds of all weights, and of all states of a name. */
export interface Extent {
  readonly weight: Bounds;
  readonly states: Readonly<Record<string, Bounds>>;
}

const MOST_F16 = 65504;

/** What rounding to 16 bits may make of it. */
export function held(weight: Bounds, dtype: string): Bounds {
  if (dtype === "f32") return weight;
  const most = largest(weight) * (1 + 2 ** -7);
  return dtype === "f16" && !(most < MOST_F16) ? between(-Infinity, Infinity) : between(-most, most);
}

/** What states of 8 bits may make of it: any number up to the largest, negative only where the map has such. */
export function kept({ eightBit }: Rule, name: string, state: Bounds): Bounds {
  if (!eightBit) return state;
  const most = largest(state);
  return both(state, between(eightBit.maps[name] === "signed" ? -most : 0, most));
}

/** Output `extent` tells the extent of the states as they are: two numbers of each, see extentOf(). None without states. */
export function recordExtent(groups: readonly ParameterGroup[], optimizer: Rule): Graph {
  const graph = new Graph();
  const numbers = Object.keys(optimizer.states).flatMap((state) => {
    const arrays = groups.flatMap((group, i) =>
      stateArrays({ ...optimizer, states: { [state]: 0 } }, group, i)
    )
      .filter(({ dtype }) => dtype === "f32").map((array) =>
        graph.parameter(array.name, [sizeOfArray(array)])
      );
    const total = (of: (x: Tensor) => Tensor) =>
      arrays.map((x) => reshape(sum(of(x)), [1])).reduce((a, b) => add(a, b));
    return arrays.length ? [total(square), total((x) => sub(abs(x), x))] : [];
  });
  const eight = (from: number) => concat(numbers.slice(from, from + 8), 0); // as many as an instruction takes
  if (numbers.length) graph.output("extent", concat(numbers.flatMap((_, k) => k % 8 ? [] : [eight(k)]), 0));
  return graph;
}

/** What recordExtent() and the squares of all weights tell; null where a number is not finite. */
export function extentOf(
  groups: readonly ParameterGroup[],
  optimizer: Rule,
  weightSquare: number,
  numbers: ArrayLike<number>,
): Extent | null {
  // a sum of many squares is rounded, and a square below the least float is 0
  const root = (square: number) => 1.001 * Math.sqrt(square) + 1e-18, weight = root(weightSquare);
  const states = Object.keys(optimizer.states).map((name, k): [string, Bounds] => {
    const most = root(numbers[2 * k]),
      signed = !optimizer.eightBit
        ? numbers[2 * k + 1] !== 0
        : numbers[2 * k + 1] !== 0 || optimizer.eightBit.maps[name] === "signed";
    return [name, between(signed ? -most : 0, most)];
  });
  const stored = groups.map(({ dtype = "f32" }) => held(between(-weight, weight), dtype)).reduce(both);
  const extent = { weight: stored, states: Object.fromEntries(states) };
  return [stored, ...Object.values(extent.states)].every(bounded) ? extent : null;
}
