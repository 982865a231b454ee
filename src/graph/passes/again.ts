/**
 * What chains compute again in place of keeping it: a value that a few steps make of one array costs its reader what reading
 * it would, and need not be written.
 */

import { elements, type Node, type Tensor } from "../graph.ts";
import { affineOp } from "../ops/affine.ts";
import { binaryOp } from "../ops/binary.ts";
import { castOp } from "../ops/cast.ts";
import { UNARY, unaryOp } from "../ops/unary.ts";

/** Steps that are fewer than what writing a number and reading it takes. */
const MOST_STEPS = 6;
const QUICK = new Set(["sqrt", "abs", "neg", "square"].map((name) => UNARY.findIndex((fn) => fn === name)));

export class Again {
  readonly #place = new Map<Node, number>();
  /** Where each array of parameters may be changed, by its name: places in their order. */
  readonly #changes = new Map<string, number[]>();

  /**
   * `lanesOf` tells how many elements of a node a chain computes, null where none does; `arrayOf` in which array a
   * parameter lies, alone or with others.
   */
  constructor(
    nodes: readonly Node[],
    private readonly lanesOf: (node: Node) => number | null,
    private readonly arrayOf: (parameter: Tensor) => string,
  ) {
    for (const [place, node] of nodes.entries()) {
      this.#place.set(node, place);
      if (!node.op?.effect) continue;
      for (const array of this.#arraysOf(node)) {
        const places = this.#changes.get(array);
        if (places) places.push(place);
        else this.#changes.set(array, [place]);
      }
    }
  }

  /** Whether `reader` is part of a chain that can compute t as t's node does. */
  within(reader: Node, t: Tensor): boolean {
    return this.lanesOf(reader) === elements(t.shape) && this.#quick(t, this.#place.get(reader)!);
  }

  #arraysOf({ inputs }: Node): string[] {
    return inputs.flatMap((t) => {
      const { op, source } = t.node;
      if (op?.alias) return this.#arraysOf(t.node);
      return source?.kind === "parameter" ? [this.arrayOf(t)] : [];
    });
  }

  /** Whether what `node` reads of parameters is still so at `place`. */
  #same(node: Node, place: number): boolean {
    const from = this.#place.get(node)!;
    return this.#arraysOf(node).every((array) => after(this.#changes.get(array) ?? [], from) >= place);
  }

  /** `place`: of what reads it. Every step of it must read what has not changed since. */
  #quick(t: Tensor, place: number): boolean {
    const lanes = elements(t.shape), arrays = new Set<Tensor>();
    let steps = 0;
    const follow = (x: Tensor): boolean => {
      if (elements(x.shape) !== lanes) return true; // read where it repeats, or one number
      if (this.lanesOf(x.node) === null) return arrays.add(x).size <= 1; // no chain makes it: it is kept
      const { op, attrs, inputs } = x.node;
      const quick = op === binaryOp || op === affineOp || op === castOp ||
        op === unaryOp && QUICK.has(attrs.fn);
      return quick && this.#same(x.node, place) && ++steps <= MOST_STEPS && inputs.every(follow);
    };
    return lanes > 1 && follow(t);
  }
}

/** The first of `places`, which rise, that is above `from`; Infinity where none is. */
function after(places: readonly number[], from: number): number {
  let low = 0, high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (places[middle] > from) high = middle;
    else low = middle + 1;
  }
  return places[low] ?? Infinity;
}
