import type { Graph, Node, Tensor } from "../graph.ts";
import { cast, castOp } from "../ops/cast.ts";
import { conv2dAccumulateOp, conv2dBackwardWeightOp } from "../ops/conv2d.ts";
import { accumulateOp } from "../ops/fill.ts";
import { matmulOp } from "../ops/matmul.ts";
import { matmulAccumulate } from "../ops/matmul_accumulate.ts";
import { reshape, reshapeOp } from "../ops/reshape.ts";
import { countReaders } from "./readers.ts";

/**
 * accumulate(target, cast(matmul(..))), reshapes between allowed, becomes one instruction that adds the product to its
 * float32 target: a weight's gradient is neither rounded nor written on its way. A LoRA has two of them for each layer.
 * So does a convolution's weight gradient. It runs where the product did, as other gradients are accumulated where they
 * are made: recorded at a program's end, all of them would live until there. What is accumulated need not be cast before.
 */
export function accumulateEarly(graph: Graph, nodes: readonly Node[]): Node[] {
  const readers = countReaders(graph, nodes), gone = new Set<Node>(), made = new Map<Node, Node[]>();
  for (const node of nodes) {
    const [target, value] = node.inputs;
    if (node.op !== accumulateOp || readers.get(target) !== 1) continue;
    const way = wayTo(value, readers), start = way.at(-1)?.inputs[0] ?? value, from = start.node;
    if (!from.op) continue;
    for (const part of [node, target.node, ...way]) gone.add(part);
    const after = made.get(from) ?? [from];
    made.set(from, after);
    const length = graph.nodes.length;
    if (readers.get(start) === 1 && addInto(target, from, node.attrs.fresh)) {
      after.splice(0, 1, target.node, ...graph.nodes.splice(length));
      continue;
    }
    if (way[0]?.op === castOp) node.inputs = [target, way.shift()!.inputs[0]]; // widened as it is added
    after.push(target.node, ...way.toReversed(), node);
  }
  return nodes.flatMap((node) => gone.has(node) ? [] : made.get(node) ?? [node]);
}

/** Reshapes and casts behind a value that nothing else reads, the last first. */
function wayTo(t: Tensor, readers: ReadonlyMap<Tensor, number>): Node[] {
  const way: Node[] = [];
  for (; (t.node.op === reshapeOp || t.node.op === castOp) && readers.get(t) === 1; t = t.node.inputs[0]) {
    way.push(t.node);
  }
  return way;
}

/** Records what a plain product of two matrices or a convolution's weight gradient is when it is added; false for others. */
function addInto(target: Tensor, { op, inputs: [a, b], attrs, outputs: [y] }: Node, fresh: number): boolean {
  const product = op === matmulOp && !attrs.hasBias && !attrs.hasResidual && y.shape.length === 2;
  if (!product && op !== conv2dBackwardWeightOp) return false;
  const sums = reshape(target, y.shape);
  // where weights are multiplied with each other, as a LoHa's, b may be one that was to be rounded as it is read
  if (product) {
    matmulAccumulate(sums, a, cast(b, a.dtype), { transA: attrs.transA, transB: attrs.transB, fresh });
  } else sums.graph.add(conv2dAccumulateOp, [sums, a, b], { ...attrs, fresh });
  return true;
}
