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
  /** Instructions before each node that may change what a parameter holds. */
  readonly #changes = new Map<Node, number>();

  /** `lanesOf` tells how many elements of a node a chain computes; null where none does. */
  constructor(nodes: readonly Node[], private readonly lanesOf: (node: Node) => number | null) {
    let changes = 0;
    for (const node of nodes) {
      this.#changes.set(node, changes);
      if (node.op?.effect) changes++;
    }
  }

  /** Whether `reader` is part of a chain that can compute t as t's node does. */
  within(reader: Node, t: Tensor): boolean {
    return this.lanesOf(reader) === elements(t.shape) && this.#quick(t, this.#changes.get(reader));
  }

  /** `changes`: those before what reads it. Every step of it must be where nothing has changed since. */
  #quick(t: Tensor, changes: number | undefined): boolean {
    const lanes = elements(t.shape), arrays = new Set<Tensor>();
    let steps = 0;
    const follow = (x: Tensor): boolean => {
      if (elements(x.shape) !== lanes) return true; // read where it repeats, or one number
      if (this.lanesOf(x.node) === null) return arrays.add(x).size <= 1; // no chain makes it: it is kept
      const { op, attrs, inputs } = x.node;
      const quick = op === binaryOp || op === affineOp || op === castOp ||
        op === unaryOp && QUICK.has(attrs.fn);
      const same = this.#changes.get(x.node) === changes;
      return quick && same && ++steps <= MOST_STEPS && inputs.every(follow);
    };
    return lanes > 1 && follow(t);
  }
}
