/** Reverse-mode differentiation: gradients are ordinary nodes added to the same graph. */

import { type Graph, type Node, showSpec, type Tensor } from "./graph.ts";
import { add } from "./ops/binary.ts";
import { cast } from "./ops/cast.ts";
import { broadcastTo } from "./ops/broadcast.ts";
import { reshape } from "./ops/reshape.ts";

/**
 * d(sum(y * seed)) / d(each of wrt), null where y does not depend on it. `seed` has y's shape and defaults to ones.
 * Only nodes between `wrt` and y get gradients, so frozen weights cost nothing.
 */
export function gradients(y: Tensor, wrt: readonly Tensor[], seed?: Tensor): (Tensor | null)[] {
  const { graph } = y;
  graph.backwardFrom ??= graph.nodes.length;
  const needed = dependents(graph, wrt);
  const grads = new Map<Tensor, Tensor>([[y, seed ?? onesLike(y)]]);
  for (const node of [...graph.nodes].reverse()) {
    if (!node.op || !needed.has(node)) continue;
    const dys = node.outputs.map((t) => grads.get(t) ?? null);
    if (dys.every((dy) => dy === null)) continue;
    if (!node.op.grad) throw new RangeError(`${node.op.name}: has no gradient`);
    node.op.grad(dys, node).forEach((dx, i) => {
      const x = node.inputs[i];
      if (!dx || !needed.has(x.node)) return;
      if (dx.shape.join() !== x.shape.join() || dx.dtype !== x.dtype) {
        throw new TypeError(
          `${node.op!.name}: the gradient of input ${i} is ${showSpec(dx)}, not ${showSpec(x)}`,
        );
      }
      const known = grads.get(x);
      grads.set(x, known ? add(known, dx) : dx);
    });
  }
  return wrt.map((t) => grads.get(t) ?? null);
}

/**
 * Records `body` as a segment: with gradient checkpointing (CompileOptions) the backward pass computes its inner values
 * again.
 */
export function checkpoint<T>(graph: Graph, body: () => T): T {
  return graph.inSegment(body);
}

function dependents(graph: Graph, wrt: readonly Tensor[]): Set<Node> {
  const set = new Set(wrt.map((t) => t.node));
  for (const node of graph.nodes) if (node.inputs.some((t) => set.has(t.node))) set.add(node);
  return set;
}

function onesLike(y: Tensor): Tensor {
  const one = y.graph.constant(new Float32Array([1]), y.shape.map(() => 1));
  return broadcastTo(cast(reshape(one, y.shape.map(() => 1)), y.dtype), y.shape);
}
